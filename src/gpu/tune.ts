/**
 * Chooses among a kernel's variants by measuring them. Only those of one order race, which give the same bits, so that no
 * result depends on what was fast. A variant that does not run here, or not right, is dropped and named.
 */
import type { Device } from './device.ts';
import { DeviceLostError, isFaultOfKernel, LostByTrialError, OutOfMemoryError } from './errors.ts';
import { shortReason } from './findings.ts';
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
    const isWrong = this.#device.findings.dropped.has(fullVariantName(this.#course.kernel, this.#first));
    return isWrong || this.#rivals.length === 0;
  }

  /** Compares what runs with its rivals, one after the other; each result is kept at once. */
  async hold(): Promise<void> {
    if (this.isDone) return;
    const { kernel, shape } = this.#course;
    const rounds = this.#rounds;
    const [first, rivals] = [this.#first, this.#rivals];
    let [best, tried] = [first, this.#tried];
    const expected = await this.runFirst();
    if (!expected) return this.hold(); // with one variant less
    for (const rival of rivals) {
      const written = await this.#run(rival);
      if (!written) continue;
      const isOfOneOrder = this.#isOfOneOrder(first, rival);
      const differing = isOfOneOrder ? otherBits(written, expected) : otherNumbers(written, expected);
      if (differing !== undefined && this.#isBase(rival)) {
        this.#dropFor(differing, first, rival);
        return this.hold();
      }
      if (differing !== undefined) {
        this.#dropFor(differing, rival, first);
        continue;
      }
      if (isOfOneOrder && (await this.#isFaster(rival, best))) best = rival;
      tried = [...tried, variantName(rival)];
      this.#device.findings.races.set(shapeName(kernel, shape), { best: variantName(best), tried, rounds });
    }
  }

  /** What runs as long as nobody is faster. */
  get #first(): object {
    return chosenVariant(this.#course.kernel, this.#course.shape, this.#device);
  }

  /**
   * Those that it is yet to be compared with: of its order, and the base variant, which judges it. By bits at once, where
   * that is of its order; by numbers, and after all others, where it is not.
   */
  get #rivals(): readonly object[] {
    const { kernel, shape } = this.#course;
    const others = interchangeableVariants(kernel, shape, this.#device).filter((variant) => !this.#isBase(variant));
    const base = usableVariants(kernel, shape, this.#device).at(-1) as object;
    const all = this.#isOfOneOrder(this.#first, base) ? [base, ...others] : [...others, base];
    return all.filter((variant) => !this.#tried.includes(variantName(variant)));
  }

  /** In the race so far, if it was as long as it is to be now, and its winner still runs. */
  get #tried(): readonly string[] {
    const { kernel, shape } = this.#course;
    const race = this.#device.findings.races.get(shapeName(kernel, shape));
    const first = variantName(this.#first);
    return race && race.rounds >= this.#rounds && race.best === first ? race.tried : [first];
  }

  #isBase(variant: object): boolean {
    const base = usableVariants(this.#course.kernel, this.#course.shape, this.#device).at(-1);
    return base !== undefined && variantName(variant) === variantName(base);
  }

  #isOfOneOrder(a: object, b: object): boolean {
    return this.#course.kernel.order?.(a) === this.#course.kernel.order?.(b);
  }

  async #isFaster(variant: object, than: object): Promise<boolean> {
    const race = () => this.#course.time([than, variant], this.#rounds);
    const [time, rivalTime] = await this.#budget.spend(slowerVariant, race);
    return rivalTime < time * (1 - leastGain);
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

  #dropFor(differing: string, variant: object, than: object): void {
    const where = `${differing} of ${describe(this.#course.shape)}`;
    this.#drop(variant, `${where} is not what "${variantName(than)}" makes it`);
  }

  #drop(variant: object, reason: string): void {
    this.#device.findings.dropped.set(fullVariantName(this.#course.kernel, variant), shortReason(reason));
  }
}
