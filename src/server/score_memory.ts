import type { Score, ScoredToken } from './score.ts';

interface Scored {
  readonly tokens: readonly number[];
  /** How many of the most likely tokens each place has. */
  readonly top: number;
  /** Of each token but the first. */
  readonly prompt: readonly ScoredToken[];
}

interface Running {
  readonly tokens: readonly number[];
  readonly top: number;
  readonly done: Promise<void>;
}

/** Prompts that are remembered: the choices of some questions. */
const maxKnown = 64;
/** Probabilities of all of them, at most: some tens of megabytes. */
const maxProbabilities = 2 ** 19;

/**
 * What was scored lately. Prompts that begin alike, as the choices of a question do, are scored once up to where they
 * part: those that come at the same time wait for the first of them.
 */
export class ScoreMemory {
  readonly #known: Scored[] = [];
  readonly #running = new Set<Running>();

  /** `compute` scores from row `from` on: tokens `from` + 1 and later, and what follows the last. */
  async score(tokens: readonly number[], top: number, compute: (from: number) => Promise<Score>): Promise<Score> {
    const first = this.#likeIt(tokens, top);
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = { tokens, top, done: promise };
    this.#running.add(running); // at once: the next to come is to see it
    try {
      await first?.done;
      const { from, prompt } = this.#beginning(tokens, top);
      const rest = await compute(from);
      const score = { prompt: [...prompt, ...rest.prompt], next: rest.next };
      this.#remember({ tokens, top, prompt: score.prompt });
      return score;
    } finally {
      this.#running.delete(running);
      resolve();
    }
  }

  /** Beside the latest of the others, as many as there is room for. */
  #remember(scored: Scored): void {
    const sizeOf = ({ tokens, top }: Scored) => tokens.length * (1 + top);
    this.#known.push(scored);
    let size = this.#known.reduce((sum, each) => sum + sizeOf(each), 0);
    while (this.#known.length > maxKnown || size > maxProbabilities) size -= sizeOf(this.#known.shift() as Scored);
  }

  /** One under way that has at least half of these tokens. */
  #likeIt(tokens: readonly number[], top: number): Running | undefined {
    return [...this.#running].find((each) => each.top >= top && 2 * commonLength(each.tokens, tokens) > tokens.length);
  }

  /** The longest beginning that is known: the row to go on from, and what the rows before it said. */
  #beginning(tokens: readonly number[], top: number): { from: number; prompt: ScoredToken[] } {
    let [from, best]: [number, Scored | undefined] = [0, undefined];
    for (const each of this.#known) {
      const rows = Math.min(commonLength(each.tokens, tokens), tokens.length) - 1;
      if (each.top >= top && rows > from) [from, best] = [rows, each];
    }
    const known = best?.prompt.slice(0, from) ?? [];
    return { from, prompt: known.map((token) => ({ ...token, top: token.top.slice(0, top) })) };
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
