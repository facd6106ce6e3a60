import { Acceptance } from './acceptance.ts';
import { PromptLookup } from './prompt_lookup.ts';

/** When drafts are made: where they are expected to pay, or wherever there are any. */
export type DraftWhen = 'auto' | 'always';

/** By what a draft rests on: tokens matched before it, from so many on, and the first guess that it is right. */
const matchKinds = [
  { from: 2, prior: 0.3 },
  { from: 3, prior: 0.5 },
  { from: 4, prior: 0.7 },
  { from: 6, prior: 0.8 },
  { from: 9, prior: 0.9 },
  { from: 16, prior: 0.95 },
];

/** Guesses what comes next in one generation, and learns from what has come. */
export class Drafter {
  readonly when: DraftWhen;
  /** Tokens that were verified, and those of them that were right. */
  draftedCount = 0;
  acceptedCount = 0;
  readonly #lookup: PromptLookup;
  readonly #acceptance = new Acceptance(matchKinds.map(({ prior }) => prior));
  #proposed: { readonly ids: readonly number[]; readonly kinds: readonly number[] } = { ids: [], kinds: [] };

  /** `tokens` are those of the generation, as they come. */
  constructor(tokens: readonly number[], when: DraftWhen) {
    this.#lookup = new PromptLookup(tokens);
    this.when = when;
  }

  /**
   * Proposes up to `count` tokens that follow the next `skipped`, which are being chosen already. Gives the chance of each
   * that it is right, and all before it, if those that were skipped are.
   */
  propose(skipped: number, count: number): readonly number[] {
    const match = count > 0 ? this.#lookup.find(skipped + count) : undefined;
    if (!match) return [];
    const ids = match.ids.slice(skipped);
    const kinds = ids.map((_, i) => kindOf(match.length + skipped + i));
    this.#proposed = { ids, kinds };
    let chance = 1;
    return kinds.map((kind) => {
      chance *= this.#acceptance.chanceOf(kind);
      return chance;
    });
  }

  /** The first `count` tokens of what was proposed. */
  take(count: number): readonly number[] {
    return this.#proposed.ids.slice(0, count);
  }

  /** `count` tokens of what was proposed were verified, and the first `rightCount` of them were right. */
  learn(count: number, rightCount: number): void {
    this.draftedCount += count;
    this.acceptedCount += rightCount;
    const { kinds } = this.#proposed;
    for (let i = 0; i < Math.min(count, rightCount + 1); i++)
      this.#acceptance.learn(kinds[i] as number, i < rightCount);
  }
}

function kindOf(matched: number): number {
  return matchKinds.findLastIndex(({ from }) => matched >= from);
}
