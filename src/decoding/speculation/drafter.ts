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

/** A draft of the draft model is a kind of its own, with its first guess. */
const modelKind = matchKinds.length;
const modelPrior = 0.7;

/** What is proposed; ids are missing until the draft model has said them. */
interface Proposal {
  readonly ids: readonly number[] | undefined;
  readonly kinds: readonly number[];
}

/** Guesses what comes next in one generation, and learns from what has come. */
export class Drafter {
  readonly when: DraftWhen;
  /** Tokens that were verified, and those of them that were right. */
  draftedCount = 0;
  acceptedCount = 0;
  readonly #lookup: PromptLookup;
  readonly #acceptance = new Acceptance([...matchKinds.map(({ prior }) => prior), modelPrior]);
  #proposed: Proposal = { ids: [], kinds: [] };

  /** `tokens` are those of the generation, as they come. */
  constructor(tokens: readonly number[], when: DraftWhen) {
    this.#lookup = new PromptLookup(tokens);
    this.when = when;
  }

  /**
   * Proposes up to `count` tokens that follow the next `skipped`, which are being chosen already. Gives the chance of each
   * that it is right, and all before it, if those that were skipped are. With a draft model, which may say `fromModel` of
   * them, that one is asked where a match is less sure.
   */
  propose(skipped: number, count: number, fromModel = 0): readonly number[] {
    this.#proposed = this.#matched(skipped, count);
    const surest = this.#proposed.kinds[0];
    const isModelSurer =
      surest === undefined || this.#acceptance.chanceOf(surest) < this.#acceptance.chanceOf(modelKind);
    if (fromModel > 0 && isModelSurer) this.#proposed = { ids: undefined, kinds: Array(fromModel).fill(modelKind) };
    let chance = 1;
    return this.#proposed.kinds.map((kind) => {
      chance *= this.#acceptance.chanceOf(kind);
      return chance;
    });
  }

  #matched(skipped: number, count: number): Proposal {
    const match = count > 0 ? this.#lookup.find(skipped + count) : undefined;
    const ids = match?.ids.slice(skipped) ?? [];
    return { ids, kinds: ids.map((_, i) => kindOf((match?.length ?? 0) + skipped + i)) };
  }

  /** Whether what was proposed is for the draft model to say. */
  get asksModel(): boolean {
    return this.#proposed.ids === undefined;
  }

  /** What the draft model says. */
  offer(ids: readonly number[]): void {
    this.#proposed = { ...this.#proposed, ids };
  }

  /** The first `count` tokens of what was proposed. */
  take(count: number): readonly number[] {
    return this.#proposed.ids?.slice(0, count) ?? [];
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
