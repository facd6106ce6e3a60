/**
 * Chooses among a kernel's variants by measuring them. Only those of one order race, which give the same bits, so that no
 * result depends on what was fast. A variant that does not run here, or not right, is dropped and named.
 */
import type { Device } from './device.ts';
import { DeviceLostError, isFaultOfKernel, LostByTrialError, OutOfMemoryError } from './errors.ts';
import { type Race, shortReason } from './findings.ts';
import type { AnyKernel } from './kernel.ts';
import { describe } from './pipelines.ts';
import {
  chosenVariant,
  fullVariantName,
  interchangeableVariants,
  shapeName,
  usableVariants,
  variantName,
} from './variants.ts';
import { otherBits, otherNumbers, type Written } from './written.ts';

/** A kernel on a shape, and buffers that its variants may be tried on. */
export interface Course {
  readonly kernel: AnyKernel;
  readonly shape: object;
  /** Whether the first tokens run it, and pay for its compiling, tuned or not. */
  readonly isNeeded: boolean;
  /** Runs a variant once, from the same numbers each time. Rejects with what the GPU has refused. */
  run(variant: object): Promise<Written>;
  /** Milliseconds of one run of each, over so many rounds in which they take turns. Both have run before. */
  time(variants: readonly [object, object], rounds: number): Promise<readonly [number, number]>;
}

export interface TuneLimits {
  /** For all that would not be done without tuning. */
  readonly milliseconds: number;
  /** Of each race. */
  readonly rounds: number;
  /** Ends it; it rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A challenger is faster by this share at least: what is alike stays as it is. */
const leastGain = 0.03;

/**
 * Holds the races of all courses, the most important first, until the time is over; the next call goes on from there. What is
 * found stands in the device's findings. Rejects where the device is lost, with what was tried then dropped.
 */
export async function tune(
  device: Device,
  courses: readonly Course[],
  { milliseconds, rounds, signal }: TuneLimits,
  now: () => number = () => performance.now(),
): Promise<void> {
  const budget = new Budget(milliseconds, now, signal);
  try {
    for (const course of courses) await new Contest(device, course, rounds, budget).hold();
  } catch (error) {
    if (error instanceof TimeIsOver || error instanceof OutOfMemoryError) return; // what is known must do
    throw error;
  }
}

class TimeIsOver extends Error {}

/** The time that is left. Drivers may compile for seconds: what comes next is taken to last twice as long as the longest. */
class Budget {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  #spent = 0;
  #longest = 0;

  constructor(limit: number, now: () => number, signal: AbortSignal | undefined) {
    this.#limit = limit;
    this.#now = now;
    this.#signal = signal;
  }

  /** Does `work` if there is time for it; in any case where it costs nothing, since it will be done anyway. */
  async spend<T>(work: () => Promise<T>, isFree = false): Promise<T> {
    this.#signal?.throwIfAborted();
    if (!isFree && this.#spent + 2 * this.#longest >= this.#limit) throw new TimeIsOver();
    const began = this.#now();
    try {
      return await work();
    } finally {
      const elapsed = this.#now() - began;
      this.#longest = Math.max(this.#longest, elapsed);
      if (!isFree) this.#spent += elapsed;
    }
  }
}

/** The race on one course. */
class Contest {
  readonly #device: Device;
  readonly #course: Course;
  readonly #rounds: number;
  readonly #budget: Budget;

  constructor(device: Device, course: Course, rounds: number, budget: Budget) {
    this.#device = device;
    this.#course = course;
    this.#rounds = rounds;
    this.#budget = budget;
  }

  async hold(): Promise<void> {
    const { kernel, shape, isNeeded } = this.#course;
    const usable = usableVariants(kernel, shape, this.#device);
    if (usable.length < 2) return;
    const first = chosenVariant(kernel, shape, this.#device);
    if (this.#device.findings.dropped.has(fullVariantName(kernel, first))) return; // nothing here is right
    const known = this.#knownRace(first);
    const tried = known?.tried ?? [variantName(first)];
    const challengers = interchangeableVariants(kernel, shape, this.#device).filter(
      (variant) => !tried.includes(variantName(variant)),
    );
    if (known && challengers.length === 0) return;

    const written = await this.#run(first, isNeeded);
    const isRight = written && (known || (await this.#isAsBase(first, written, usable.at(-1) as object)));
    if (!isRight) return this.hold(); // with one variant less
    await this.#race(first, tried, challengers, written);
  }

  /** The race so far; nothing where it was shorter than it is to be now, or its winner does not run any more. */
  #knownRace(first: object): Race | undefined {
    const { kernel, shape } = this.#course;
    const race = this.#device.findings.races.get(shapeName(kernel, shape));
    const isKept = race && race.rounds >= this.#rounds;
    return isKept && variantName(first) === race.best ? race : undefined;
  }

  /** The plainest variant judges the one that would run: by bits or, where they sum in different orders, by numbers. */
  async #isAsBase(variant: object, written: Written, base: object): Promise<boolean> {
    const { kernel } = this.#course;
    if (variantName(variant) === variantName(base)) return true;
    const expected = await this.#run(base);
    if (!expected) return true; // base itself was dropped, and judges nobody
    const differ = kernel.order?.(variant) === kernel.order?.(base) ? otherBits : otherNumbers;
    return this.#isSame(variant, differ(written, expected), base);
  }

  /** One challenger after the other against the best so far; each result is kept at once. */
  async #race(first: object, triedBefore: readonly string[], challengers: readonly object[], expected: Written) {
    const { kernel, shape } = this.#course;
    const rounds = this.#rounds;
    let [best, tried] = [first, triedBefore];
    const keep = () =>
      this.#device.findings.races.set(shapeName(kernel, shape), { best: variantName(best), tried, rounds });
    keep();
    for (const challenger of challengers) {
      const written = await this.#run(challenger);
      if (!written || !this.#isSame(challenger, otherBits(written, expected), first)) continue;
      const times = await this.#budget.spend(() => this.#course.time([best, challenger], rounds));
      if (times[1] < times[0] * (1 - leastGain)) best = challenger;
      tried = [...tried, variantName(challenger)];
      keep();
    }
  }

  /** What it has written; undefined where it did not run, and is dropped. */
  async #run(variant: object, isFree = false): Promise<Written | undefined> {
    try {
      return await this.#budget.spend(() => this.#course.run(variant), isFree);
    } catch (error) {
      if (error instanceof DeviceLostError && !isFree) {
        this.#drop(variant, 'the device was lost while it ran');
        throw new LostByTrialError(error.message);
      }
      if (!isFaultOfKernel(error)) throw error;
      this.#drop(variant, error.message);
      return undefined;
    }
  }

  /** Drops a variant where something differs that must not. */
  #isSame(variant: object, differing: string | undefined, than: object): boolean {
    if (differing === undefined) return true;
    const where = `${differing} of ${describe(this.#course.shape)}`;
    this.#drop(variant, `${where} is not what "${variantName(than)}" makes it`);
    return false;
  }

  #drop(variant: object, reason: string): void {
    this.#device.findings.dropped.set(fullVariantName(this.#course.kernel, variant), shortReason(reason));
  }
}
