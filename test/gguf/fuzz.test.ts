/** Seeded lies about every field: in short here, in long with `npm run fuzz` (test/gguf/fuzz/main.ts). */
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { FieldWriter } from '../../src/gguf/field_writer.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { encodeGguf, type MetadataInput } from '../../src/gguf/writer.ts';
import { summarize } from '../../src/inspect/summary.ts';
import { examine, wholeInput } from './fuzz/examine.ts';
import { fuzz } from './fuzz/fuzz.ts';
import { layoutOf } from './fuzz/layout.ts';
import { makeSeeds } from './fuzz/seeds.ts';

test('2,000 mutations end in a result or in one clear error', async () => {
  const { outcomes } = await fuzz(await makeSeeds(), 2000, 1);
  expect(outcomes.size).toBeGreaterThan(100);
  const ends = [...outcomes.keys()];
  for (const [end, least] of [
    ['read; ', 50],
    ['nests arrays deeper', 1],
    ['overlap', 1],
    ['appears twice', 2],
    ['truncated', 3],
    ['split', 1],
  ] as const) {
    expect(ends.filter((each) => each.includes(end)).length, end).toBeGreaterThanOrEqual(least);
  }
});

test('the same seed gives the same run', async () => {
  const seeds = await makeSeeds();
  const [first, second, other] = [await fuzz(seeds, 50, 7), await fuzz(seeds, 50, 7), await fuzz(seeds, 50, 8)];
  expect([...second.outcomes]).toEqual([...first.outcomes]);
  expect([...other.outcomes]).not.toEqual([...first.outcomes]);
});

test('the lies know where the fields are', async () => {
  const seeds = await makeSeeds();
  for (const { header } of seeds.inputs) {
    const { entries, infos } = layoutOf(header);
    const view = new DataView(header.buffer);
    const counts = [16, 8].map((offset) => Number(view.getBigUint64(offset, true)));
    expect([entries.length, infos.length]).toEqual(counts);
  }
});

describe('findings', () => {
  const withKeys = (...entries: [string, MetadataInput][]) =>
    encodeGguf([['tokenizer.ggml.model', 'llama'], ...entries]);

  test('an end token that is a fraction', async () => {
    const bytes = await withKeys(
      ['tokenizer.ggml.tokens', ['a', 'b', '<0x41>']],
      ['tokenizer.ggml.eos_token_id', { type: 'float32', value: 1.5 }],
    );
    expect(await summarize(await openGguf(bytesSource(bytes)))).toMatchObject({ tokenizer: { tokenCount: 3 } });
    await examine(await wholeInput(bytes), []);
  });

  test('an architecture that turns the direction of writing', async () => {
    await examine(await wholeInput(await encodeGguf([['general.architecture', 'll\u202ea']])), []);
  });

  /** A key `k` whose value begins so, in a file that says to have a petabyte. */
  const stretched = (write: (w: FieldWriter) => void) => {
    const w = new FieldWriter();
    w.bytes(new TextEncoder().encode('GGUF'));
    w.uint32(3);
    w.size(0);
    w.size(1);
    w.string('k');
    write(w);
    return examine({ header: w.finish(), byteLength: 2 ** 50 }, []);
  };

  test('numbers that would be gigabytes of JSON', async () => {
    const outcome = await stretched((w) => {
      w.uint32(9);
      w.uint32(0);
      w.size(60_000_000);
    });
    expect(outcome).toContain('brings more than # array elements');
  });

  test('text that would be', async () => {
    const outcome = await stretched((w) => {
      w.uint32(8);
      w.size(60_000_000);
    });
    expect(outcome).toContain('has # bytes of text, more than #');
  });
});
