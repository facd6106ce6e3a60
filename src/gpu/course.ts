/** A recorded model as a place for its kernels' variants to race: on its own shapes, tables, weights and buffers. */
import { type BufferRange, createBuffer, readMapped } from './buffers.ts';
import type { Device } from './device.ts';
import { scoped } from './errors.ts';
import type { CompiledKernel, Pipelines } from './pipelines.ts';
import { bind, type Recorded, type Recorder } from './plan.ts';
import { median, type TimedDispatch, timeAnywhere } from './timing.ts';
import type { Course } from './tune.ts';
import { shapeName } from './variants.ts';
import type { Binding } from './wgsl.ts';
import type { Written } from './written.ts';

/** A step to run kernels in: `write` fills its tables, and tells its counts. */
export interface TrialStep<Counts> {
  write(): Counts;
}

/** Steps that differ in how many tokens they have alone, the smallest first; larger ones are for devices that are fast. */
export interface Trial<Counts> {
  readonly steps: readonly TrialStep<Counts>[];
  /** Whether the first tokens run its kernels in any case. */
  readonly isNeeded: boolean;
}

/** Bytes of a buffer that are filled and compared, from its start: the tokens of a small step. */
const comparedBytes = 2 ** 21;
/** Dispatches of one shape that take turns, so that weights come from memory as they do in a model. */
const mostDispatches = 8;
/** Milliseconds: a pass that is timed lasts so long at least; a step that takes less is too small to tell. */
const shortestPass = 1;
/** Dispatches of a pass that is timed, at most. */
const mostRuns = 64;
/** A challenger that takes so many times as long in its first run is not timed again. */
const hopeless = 2;

/** Where variants of a recorded model's kernels are tried. */
export class Ground<Counts> {
  readonly device: Device;
  readonly pipelines: Pipelines;
  readonly random = new RandomNumbers();
  readonly #recorded: readonly Recorded<Counts>[];
  /** The plan's own buffers. */
  readonly #own: ReadonlySet<GPUBuffer>;
  /** All that may be filled with random numbers: nobody needs what is in them. */
  readonly #scratch: ReadonlySet<GPUBuffer>;
  /** Offsets of ranges in which random numbers still are. */
  readonly #filled = new Map<GPUBuffer, Set<number>>();
  readonly #touched = new Set<GPUBuffer>();

  /** `scratch`: buffers beside the plan's own that are zero, and to stay so. */
  constructor(
    { device, recorded, buffers }: Pick<Recorder<Counts>, 'device' | 'recorded' | 'buffers'>,
    pipelines: Pipelines,
    scratch: readonly GPUBuffer[],
  ) {
    this.device = device;
    this.pipelines = pipelines;
    this.#recorded = recorded;
    this.#own = new Set(buffers);
    this.#scratch = new Set([...buffers, ...scratch]);
  }

  /** Every kernel on every shape: those of the first trial first, and of a trial first those with most weights. */
  courses(trials: readonly Trial<Counts>[]): Course[] {
    const groups = [...Map.groupBy(this.#recorded, ({ kernel, shape }) => shapeName(kernel, shape)).values()];
    const sorted = groups.toSorted((a, b) => boundBytes(b, this.#own) - boundBytes(a, this.#own));
    const seen = new Set<readonly Recorded<Counts>[]>();
    return trials.flatMap((trial) => {
      const counts = (trial.steps[0] as TrialStep<Counts>).write();
      return sorted.flatMap((group) => {
        if (seen.has(group) || (group[0] as Recorded<Counts>).count(counts) === 0) return [];
        seen.add(group);
        return new RecordedCourse(this, group as [Recorded<Counts>, ...Recorded<Counts>[]], trial);
      });
    });
  }

  /** Random numbers into what is written, and into what is read where they are not there any more. */
  fill(bindings: readonly Binding[], buffers: Readonly<Record<string, BufferRange>>): void {
    for (const { name, type, isF32 } of bindings) {
      const range = buffers[name];
      if (!range || type === 'uniform' || !this.#scratch.has(range.buffer)) continue;
      const { buffer, offset, size } = beginning(range);
      const offsets = this.#filled.get(buffer) ?? new Set();
      if (type === 'read-only-storage' && offsets.has(offset)) continue;
      this.device.gpu.queue.writeBuffer(buffer, offset, this.random.of(isF32), 0, size / 4);
      if (type === 'storage') this.#filled.delete(buffer);
      else this.#filled.set(buffer, offsets.add(offset));
      this.#touched.add(buffer);
    }
  }

  /** Zeros again in all that was filled: kernels may count on them behind rows that they do not write to the end. */
  clear(): void {
    const encoder = this.device.gpu.createCommandEncoder({ label: 'tuning' });
    for (const buffer of this.#touched) encoder.clearBuffer(buffer);
    this.device.gpu.queue.submit([encoder.finish()]);
  }
}

/** Of weights and tables, by all dispatches of a group. */
function boundBytes<Counts>(group: readonly Recorded<Counts>[], own: ReadonlySet<GPUBuffer>): number {
  const ranges = group.flatMap(({ buffers }) => Object.values(buffers));
  return ranges.filter(({ buffer }) => !own.has(buffer)).reduce((sum, range) => sum + rangeBytes(range), 0);
}

const rangeBytes = ({ buffer, offset = 0, size = buffer.size - offset }: BufferRange) => size;

class RecordedCourse<Counts> implements Course {
  readonly #ground: Ground<Counts>;
  readonly #recorded: readonly [Recorded<Counts>, ...Recorded<Counts>[]];
  readonly #steps: readonly TrialStep<Counts>[];
  readonly isNeeded: boolean;

  constructor(
    ground: Ground<Counts>,
    recorded: readonly [Recorded<Counts>, ...Recorded<Counts>[]],
    { steps, isNeeded }: Trial<Counts>,
  ) {
    this.#ground = ground;
    this.#recorded = recorded;
    this.#steps = steps;
    this.isNeeded = isNeeded;
  }

  get kernel() {
    return this.#recorded[0].kernel;
  }

  get shape() {
    return this.#recorded[0].shape;
  }

  async run(variant: object): Promise<Written> {
    const { device, pipelines } = this.#ground;
    const counts = (this.#steps[0] as TrialStep<Counts>).write();
    const compiled = await pipelines.compile(this.kernel, this.shape, variant);
    const [{ buffers }] = this.#recorded;
    this.#ground.fill(compiled.bindings, buffers);
    const dispatch = await this.#bound(compiled, variant, this.#recorded[0], counts);
    const outputs = compiled.bindings.filter(({ type }) => type === 'storage');
    const bytes = await readAfter(
      device,
      outputs.map(({ name }) => beginning(buffers[name] as BufferRange)),
      (encoder) => {
        const pass = encoder.beginComputePass();
        pass.setPipeline(dispatch.pipeline);
        pass.setBindGroup(0, dispatch.bindGroup);
        pass.dispatchWorkgroups(...dispatch.workgroups);
        pass.end();
      },
    );
    return Object.fromEntries(
      outputs.map((output, i) => [output.name, this.#touched(output, bytes[i] as ArrayBuffer)]),
    );
  }

  /** What of an output's beginning was written: all up to where the random numbers still are. */
  #touched({ isF32 }: Binding, bytes: ArrayBuffer): Float32Array | Int8Array {
    const words = new Uint32Array(bytes);
    const filler = new Uint32Array(this.#ground.random.of(isF32).buffer);
    const end = words.findLastIndex((word, i) => word !== filler[i]) + 1;
    return isF32 ? new Float32Array(bytes, 0, end) : new Int8Array(bytes, 0, 4 * end);
  }

  async time(variants: readonly [object, object], rounds: number): Promise<readonly [number, number]> {
    for (const [i, step] of this.#steps.entries()) {
      const passes = await this.#passes(variants, step.write());
      const [a, b] = (await timeAnywhere(
        this.#ground.device,
        passes.map((pass) => pass.slice(0, 1)),
      )) as [number, number];
      if (a < shortestPass && this.#steps[i + 1]) continue;
      if (b > hopeless * a && a > shortestPass / mostRuns) return [a, b];
      const runs = Math.min(mostRuns, Math.ceil(shortestPass / Math.max(Math.min(a, b), shortestPass / mostRuns)));
      return this.#inTurns(passes, runs, rounds);
    }
    throw new Error('a trial has no steps');
  }

  /** Medians of passes of `runs` dispatches, a and b in turns. */
  async #inTurns(dispatches: readonly (readonly TimedDispatch[])[], runs: number, rounds: number) {
    const passes = dispatches.map((each) =>
      Array.from({ length: runs }, (_, i) => each[i % each.length] as TimedDispatch),
    );
    const times = await timeAnywhere(this.#ground.device, Array.from({ length: rounds }, () => passes).flat());
    const of = (which: number) => median(times.filter((_, i) => i % 2 === which)) / runs;
    return [of(0), of(1)] as const;
  }

  /** Of each variant some dispatches that bind different weights. */
  #passes(variants: readonly object[], counts: Counts): Promise<TimedDispatch[][]> {
    return Promise.all(
      variants.map(async (variant) => {
        const compiled = await this.#ground.pipelines.compile(this.kernel, this.shape, variant);
        const some = this.#recorded.slice(0, mostDispatches);
        return Promise.all(some.map((recorded) => this.#bound(compiled, variant, recorded, counts)));
      }),
    );
  }

  async #bound(
    compiled: CompiledKernel,
    variant: object,
    { buffers, count }: Recorded<Counts>,
    counts: Counts,
  ): Promise<TimedDispatch> {
    const { label, pipeline } = compiled;
    const bindGroup = await bind(this.#ground.device, compiled, buffers);
    return { label, pipeline, bindGroup, workgroups: this.kernel.workgroups(this.shape, variant, count(counts)) };
  }
}

/** What of a range is filled and compared. */
function beginning(range: BufferRange): Required<BufferRange> {
  return { buffer: range.buffer, offset: range.offset ?? 0, size: Math.min(rangeBytes(range), comparedBytes) };
}

/** Runs what `encode` encodes, and reads ranges of buffers. */
async function readAfter(
  device: Device,
  ranges: readonly Required<BufferRange>[],
  encode: (encoder: GPUCommandEncoder) => void,
): Promise<ArrayBuffer[]> {
  const starts = ranges.map((_, i) => ranges.slice(0, i).reduce((sum, { size }) => sum + size, 0));
  const byteLength = ranges.reduce((sum, { size }) => sum + size, 0);
  const readback = await createBuffer(device, 'tuning readback', byteLength, 'readback');
  try {
    await scoped(device.gpu, 'tuning', () => {
      const encoder = device.gpu.createCommandEncoder({ label: 'tuning' });
      encode(encoder);
      ranges.forEach(({ buffer, offset, size }, i) => {
        encoder.copyBufferToBuffer(buffer, offset, readback, starts[i] as number, size);
      });
      device.gpu.queue.submit([encoder.finish()]);
    });
    const bytes = await readMapped(device, readback, byteLength);
    return ranges.map(({ size }, i) => bytes.slice(starts[i], (starts[i] as number) + size));
  } finally {
    readback.destroy();
  }
}

/** Numbers that any kernel may read, always the same ones. */
class RandomNumbers {
  #floats: Float32Array<ArrayBuffer> | undefined;
  #halves: Uint32Array<ArrayBuffer> | undefined;

  /**
   * Floats of −1 … 1, or words that are ordinary numbers whichever way they are read: as halves ±1/16 … 1/8, as int8 any,
   * as bfloat16 or f32 tiny ones.
   */
  of(isF32: boolean): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    if (isF32) this.#floats ??= Float32Array.from(randomWords(), (word) => word / 2 ** 31 - 1);
    else this.#halves ??= randomWords().map((word) => (word & 0x83ff83ff) | 0x2c002c00);
    return (isF32 ? this.#floats : this.#halves) as Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  }
}

/** Marsaglia's xorshift32. */
function randomWords(): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(comparedBytes / 4);
  let word = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[i] = word;
  }
  return words;
}
