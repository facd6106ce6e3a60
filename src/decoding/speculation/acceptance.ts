/** What an observation still counts when the next has come: about ten are remembered. */
const memory = 0.9;
/** Observations that a first guess is worth. */
const priorWeight = 2;

/** How probable it is that a draft is right, by kind of draft, from how often those of late were. */
export class Acceptance {
  readonly #right: number[];
  readonly #all: number[];

  /** `priors`: a first guess for each kind. */
  constructor(priors: readonly number[]) {
    this.#right = priors.map((prior) => prior * priorWeight);
    this.#all = priors.map(() => priorWeight);
  }

  chanceOf(kind: number): number {
    return (this.#right[kind] as number) / (this.#all[kind] as number);
  }

  /** A draft of this kind, all of whose predecessors were right, has been verified. */
  learn(kind: number, isRight: boolean): void {
    this.#right[kind] = (this.#right[kind] as number) * memory + (isRight ? 1 : 0);
    this.#all[kind] = (this.#all[kind] as number) * memory + 1;
  }
}
