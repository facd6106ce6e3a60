/** What followed the last tokens when they stood before. */
import { expect, test } from 'vitest';
import { PromptLookup } from '../../../src/decoding/speculation/prompt_lookup.ts';

const find = (tokens: readonly number[], count: number) => new PromptLookup(tokens).find(count);

test('the tokens behind the longest match, the latest of equals', () => {
  expect(find([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3], 2)).toEqual({ length: 3, ids: [4, 9] });
  expect(find([7, 2, 3, 4, 8, 2, 3, 5, 1, 2, 3], 2)).toEqual({ length: 2, ids: [5, 1] });
});

test('one token alike is no match', () => {
  expect(find([1, 2, 3, 4, 2], 3)).toBeUndefined();
  expect(find([1], 3)).toBeUndefined();
  expect(find([], 3)).toBeUndefined();
});

test('what repeats goes on beyond its end', () => {
  expect(find([5, 6, 5, 6], 5)).toEqual({ length: 2, ids: [5, 6, 5, 6, 5] });
  expect(find([5, 5, 5], 3)).toEqual({ length: 2, ids: [5, 5, 5] });
});

test('tokens that come later are found, and the pair at the end is not its own match', () => {
  const tokens = [1, 2, 3];
  const lookup = new PromptLookup(tokens);
  expect(lookup.find(1)).toBeUndefined();
  tokens.push(1);
  expect(lookup.find(1)).toBeUndefined();
  tokens.push(2);
  expect(lookup.find(4)).toEqual({ length: 2, ids: [3, 1, 2, 3] });
});

test('as a search from the end says, on texts of few words', () => {
  for (let seed = 1; seed < 40; seed++) {
    const tokens = Array.from({ length: 30 }, (_, i) => ((i * i * seed + i) >> 2) % 3);
    let [length, end] = [1, -1];
    for (let place = tokens.length - 2; place > 0 && place > tokens.length - 17; place--) {
      let alike = 0;
      while (alike <= place && tokens[place - alike] === tokens[tokens.length - 1 - alike]) alike++;
      if (alike > length) [length, end] = [alike, place];
    }
    const found = find(tokens, 1);
    if (end < 0) continue;
    expect(found!.length).toBeGreaterThanOrEqual(Math.min(length, 32));
    expect(found!.ids).toHaveLength(1);
  }
});
