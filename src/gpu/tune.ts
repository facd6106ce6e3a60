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

/** Of what has been seen: another variant of the same kernel may compile so many times as long, another kernel more. */
const slowerVariant = 2;
const slowerKernel = 4;
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
  const contests = courses.map((course) => new Contest(device, course, rounds, budget));
  for (const contest of contests) {
    try {
      if (!contest.isDone && !contest.isNeeded && budget.longest === 0) await contests[0]?.runFirst(); // to see how long that takes
      await contest.hold();
    } catch (error) {
      if (error instanceof NoTimeError || error instanceof OutOfMemoryError) return; // what is known must do
      throw error;
    }
  }
}

/** There is not enough time left for what would come next. */
class NoTimeError extends Error {}

/** The time that is left. Drivers may compile for seconds, and nothing ends it: what may take too long is not begun. */
class Budget {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  #spent = 0;
  /** Milliseconds of the longest work so far. */
  longest = 0;

  constructor(limit: number, now: () => number, signal: AbortSignal | undefined) {
    this.#limit = limit;
    this.#now = now;
    this.#signal = signal;
  }

  /** Does `work`, if there is time for it where it takes so many times as long as the longest before. */
  async spend<T>(times: number, work: () => Promise<T>): Promise<T> {
    if (this.#spent + times * this.longest >= this.#limit) throw new NoTimeError();
    const began = this.#now();
    try {
      return await this.free(work);
    } finally {
      this.#spent += this.#now() - began;
    }
  }

  /** Does what will be done in any case, tuned or not. */
  async free<T>(work: () => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted();
    const began = this.#now();
    try {
      return await work();
    } finally {
      this.longest = Math.max(this.longest, this.#now() - began);
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

  get isNeeded(): boolean {
    return this.#course.isNeeded;
  }

  /** Whether there is nothing to compare: one variant alone, or all were, or nothing here is right. */
  get isDone(): boolean {
    const { kernel, shape } = this.#course;
    const isLeft = usableVariants(kernel, shape, this.#device).length > 1;
    const isRight = !this.#device.findings.dropped.has(fullVariantName(kernel, this.#first));
    return !isLeft || !isRight || (this.#knownRace !== undefined && this.#challengers.length === 0);
  }

  async hold(): Promise<void> {
    if (this.isDone) return;
    const [first, known, challengers] = [this.#first, this.#knownRace, this.#challengers];
    const written = await this.runFirst();
    const isRight = written && (known || (await this.#isAsBase(first, written)));
    if (!isRight) return this.hold(); // with one variant less
    await this.#race(first, known?.tried ?? [variantName(first)], challengers, written);
  }

  /** What runs as long as nobody is faster. */
  get #first(): object {
    return chosenVariant(this.#course.kernel, this.#course.shape, this.#device);
  }

  /** Those that have not raced yet. */
  get #challengers(): readonly object[] {
    const tried = this.#knownRace?.tried ?? [variantName(this.#first)];
    const variants = interchangeableVariants(this.#course.kernel, this.#course.shape, this.#device);
    return variants.filter((variant) => !tried.includes(variantName(variant)));
  }

  /** The race so far; nothing where it was shorter than it is to be now, or its winner does not run any more. */
  get #knownRace(): Race | undefined {
    const { kernel, shape } = this.#course;
    const race = this.#device.findings.races.get(shapeName(kernel, shape));
    const isKept = race && race.rounds >= this.#rounds;
    return isKept && variantName(this.#first) === race.best ? race : undefined;
  }

  /** The plainest variant judges the one that would run: by bits or, where they sum in different orders, by numbers. */
  async #isAsBase(variant: object, written: Written): Promise<boolean> {
    const { kernel, shape } = this.#course;
    const base = usableVariants(kernel, shape, this.#device).at(-1) as object;
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
      const times = await this.#budget.spend(slowerVariant, () => this.#course.time([best, challenger], rounds));
      if (times[1] < times[0] * (1 - leastGain)) best = challenger;
      tried = [...tried, variantName(challenger)];
      keep();
    }
  }

  /** Runs what runs as long as nobody is faster. */
  runFirst(): Promise<Written | undefined> {
    const variant = this.#first;
    const run = () => this.#course.run(variant);
    if (this.#course.isNeeded) return this.#orDrop(variant, this.#budget.free(run));
    return this.#orDrop(variant, this.#budget.spend(slowerKernel, run));
  }

  async #run(variant: object): Promise<Written | undefined> {
    try {
      return await this.#orDrop(
        variant,
        this.#budget.spend(slowerVariant, () => this.#course.run(variant)),
      );
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      this.#drop(variant, 'the device was lost while it ran');
      throw new LostByTrialError(error.message);
    }
  }

  /** What it has written; undefined where it did not run, and is dropped. */
  async #orDrop(variant: object, running: Promise<Written>): Promise<Written | undefined> {
    try {
      return await running;
    } catch (error) {
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
