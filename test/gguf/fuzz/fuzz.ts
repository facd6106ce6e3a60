import { examine } from './examine.ts';
import { type Input, mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { Seeds } from './seeds.ts';

/** Every file must come to its end within this. */
const MAX_MS = 1000;

export interface FuzzReport {
  /** How often each end was met. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowestMs: number;
}

/** A file that did not end as it must, with what it takes to meet it again. */
export class FuzzFinding extends Error {
  readonly input: Input;

  constructor(seed: number, index: number, input: Input, cause: unknown) {
    const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`seed ${seed}, mutation ${index}: ${reason}`, { cause });
    this.input = input;
  }
}

/**
 * Examines `count` mutations. What comes to an end that was not seen before is mutated further, so that the run works
 * its way past the first refusals. The same seed gives the same run. Throws a `FuzzFinding` at the first flaw.
 */
export async function fuzz({ inputs, siblings }: Seeds, count: number, seed: number): Promise<FuzzReport> {
  const random = new Random(seed);
  const outcomes = new Map<string, number>();
  const corpus = [...inputs];
  let slowestMs = 0;
  for (let i = 0; i < count; i++) {
    const parent = random.pick(random.below(2) === 0 ? inputs : corpus);
    const input = mutate(parent, random.pick(corpus), random);
    const others = siblings.map((sibling) => (random.below(3) === 0 ? mutate(sibling, parent, random) : sibling));
    const start = performance.now();
    try {
      const outcome = await examine(input, others);
      if (!outcomes.has(outcome)) corpus.push(input);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      throw new FuzzFinding(seed, i, input, error);
    }
    const ms = performance.now() - start;
    if (ms > MAX_MS) throw new FuzzFinding(seed, i, input, `took ${Math.round(ms)} ms`);
    slowestMs = Math.max(slowestMs, ms);
  }
  return { outcomes, slowestMs };
}
