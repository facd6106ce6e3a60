import { type BufferRange, createBufferNow } from './buffers.ts';
import type { Device } from './device.ts';
import { GpuError, isFaultOfKernel, scoped } from './errors.ts';
import { shortReason } from './findings.ts';
import type { AnyKernel, Kernel, Workgroups } from './kernel.ts';
import type { Pace } from './pace.ts';
import type { CompiledKernel, Pipelines } from './pipelines.ts';
import { Submissions } from './submissions.ts';
import { chosenVariant, fullVariantName } from './variants.ts';

/** What a segment needs in GPU memory while it runs: a row tile. Resident ones never make anybody wait. */
export interface Tile {
  readonly resident: boolean;
}

/** Brings tiles to the GPU and takes them away again. `acquire` returns nothing where all are there already. */
export interface Residency {
  acquire(tiles: readonly Tile[]): Promise<void> | undefined;
  release(tiles: readonly Tile[]): void;
}

/** Every tile is there from the start: nobody ever waits. */
export const allResident: Residency = { acquire: () => undefined, release: () => undefined };

/** A kernel on its buffers; `workgroups` of zero for a step leaves it out. */
export interface Dispatch<Counts> {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  workgroups(counts: Counts): Workgroups | undefined;
  /** What it computes, for whoever measures it. */
  work(counts: Counts): Work;
}

/** A kernel's share of a step: `count` tokens (rows, items) of a shape. */
export interface Work {
  readonly kernel: string;
  readonly shape: object;
  readonly count: number;
}

/** Dispatches that run without a pause once their tiles are there. */
export interface Segment<Counts> {
  readonly tiles: readonly Tile[];
  readonly dispatches: readonly Dispatch<Counts>[];
  /** What it waits for in this step, besides tiles; nothing where it need not. */
  readonly gate?: Gate | undefined;
}

export type Gate = () => Promise<void> | undefined;

export interface DispatchOptions<S, V, Counts> {
  readonly shape: S;
  readonly variant?: V;
  /** Buffers by the names that the WGSL gives them. */
  readonly buffers: Readonly<Record<string, BufferRange>>;
  /** How many tokens (rows, items) of this step the kernel works on; none: it is left out. */
  count(counts: Counts): number;
  readonly tile?: Tile;
  /** What is to be there first, which the host brings while the GPU is at the dispatches before. */
  readonly gate?: Gate;
}

/** A dispatch as it was taken down; which variant runs is chosen when the plan is finished. */
export interface Recorded<Counts> extends DispatchOptions<object, object, Counts> {
  readonly kernel: AnyKernel;
}

/** Takes down `forward`, dispatch by dispatch, while the pipelines compile in parallel. */
export class Recorder<Counts> {
  readonly device: Device;
  readonly #pipelines: Pipelines;
  /** So far, in their order. */
  readonly recorded: Recorded<Counts>[] = [];
  readonly #compiling: Promise<unknown>[] = [];
  readonly #buffers = new Map<string, GPUBuffer>();
  readonly #created: Promise<unknown>[] = [];

  constructor(device: Device, pipelines: Pipelines) {
    this.device = device;
    this.#pipelines = pipelines;
  }

  /** A storage buffer of the plan's own, `byteLength` bytes; the same label is the same buffer. */
  buffer(label: string, byteLength: number): GPUBuffer {
    return this.#own(label, () => createBufferNow(this.device, label, byteLength));
  }

  /** A uniform of the plan's own, written once. */
  uniform(label: string, words: Uint32Array<ArrayBuffer>): BufferRange {
    const buffer = this.#own(label, () => createBufferNow(this.device, label, words.byteLength, 'uniform'));
    this.device.gpu.queue.writeBuffer(buffer, 0, words);
    return { buffer };
  }

  #own(label: string, create: () => { buffer: GPUBuffer; created: Promise<unknown> }): GPUBuffer {
    const known = this.#buffers.get(label);
    if (known) return known;
    const { buffer, created } = create();
    created.catch(() => undefined); // thrown by finish
    this.#created.push(created);
    this.#buffers.set(label, buffer);
    return buffer;
  }

  /** The plan's own buffers: before its first step nobody needs what is in them. */
  get buffers(): readonly GPUBuffer[] {
    return [...this.#buffers.values()];
  }

  dispatch<S extends object, V extends object>(kernel: Kernel<S, V>, options: DispatchOptions<S, V, Counts>): void {
    const { shape, variant } = options;
    const compiling = this.#pipelines.compile(kernel, shape, variant ?? chosenVariant(kernel, shape, this.device));
    compiling.catch(() => undefined); // thrown by finish, if it still is the one that runs
    this.#compiling.push(compiling);
    this.recorded.push({ kernel, ...options });
  }

  /** Resolves when no pipeline compiles any more, whatever came of them. */
  async compiled(): Promise<void> {
    await Promise.allSettled(this.#compiling);
  }

  /** Waits for the pipelines and binds the buffers. What needs a streamed tile is a segment of its own. */
  async finish(residency: Residency): Promise<Plan<Counts>> {
    const { buffers } = this;
    try {
      await Promise.all(this.#created);
      return new Plan(this.device, await this.#segments(), residency, buffers, this.#pipelines.pace);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Frees the buffers of a plan that is not to be. */
  discard(): void {
    for (const buffer of this.buffers) buffer.destroy();
  }

  /** One for all dispatches that bind the same buffers in the same way, as the widths of a matmul do. */
  #bindGroups(compiled: readonly CompiledKernel[]): Promise<GPUBindGroup>[] {
    const ids = new Map<GPUBuffer, number>();
    const idOf = (buffer: GPUBuffer) => {
      const id = ids.get(buffer) ?? ids.size;
      ids.set(buffer, id);
      return id;
    };
    const known = new Map<string, Promise<GPUBindGroup>>();
    return this.recorded.map(({ buffers }, i) => {
      const kernel = compiled[i] as CompiledKernel;
      const ranges = Object.entries(buffers).map(([name, { buffer, offset, size }]) => [
        name,
        idOf(buffer),
        offset,
        size,
      ]);
      const key = JSON.stringify([kernel.bindings, ranges]);
      const group = known.get(key) ?? bind(this.device, kernel, buffers);
      known.set(key, group);
      return group;
    });
  }

  async #segments(): Promise<Segment<Counts>[]> {
    const chosen = await Promise.all(this.recorded.map((recorded) => this.#compile(recorded)));
    const compiled = chosen.map((each) => each.compiled);
    const bindGroups = await Promise.all(this.#bindGroups(compiled));
    const segments: (Segment<Counts> & { dispatches: Dispatch<Counts>[] })[] = [{ tiles: [], dispatches: [] }];
    this.recorded.forEach(({ kernel, shape, tile, gate, count }, i) => {
      const { label, pipeline } = compiled[i] as CompiledKernel;
      const { variant } = chosen[i] as { variant: object };
      const streamed = tile && !tile.resident ? [tile] : [];
      const last = segments.at(-1);
      if (last?.tiles[0] !== streamed[0] || last?.gate !== gate)
        segments.push({ tiles: streamed, dispatches: [], gate });
      segments.at(-1)?.dispatches.push({
        label,
        pipeline,
        bindGroup: bindGroups[i] as GPUBindGroup,
        workgroups(counts) {
          const n = count(counts);
          return n > 0 ? kernel.workgroups(shape, variant, n) : undefined;
        },
        work: (counts) => ({ kernel: kernel.name, shape, count: count(counts) }),
      });
    });
    return segments;
  }

  /** The variant that is to run, compiled. One that does not compile here is dropped, and the next one takes its place. */
  async #compile({ kernel, shape, variant: wanted }: Recorded<Counts>) {
    let variant = wanted ?? chosenVariant(kernel, shape, this.device);
    for (;;) {
      try {
        return { variant, compiled: await this.#pipelines.compile(kernel, shape, variant) };
      } catch (error) {
        if (wanted || !isFaultOfKernel(error)) throw error;
        const name = fullVariantName(kernel, variant);
        this.device.findings.dropped.set(name, shortReason(error.message));
        variant = chosenVariant(kernel, shape, this.device);
        if (fullVariantName(kernel, variant) === name) throw error; // nothing else is left
      }
    }
  }
}

/** A bind group from buffers by name; a missing or unknown name throws with the kernel's. */
export async function bind(
  device: Device,
  { label, layout, bindings }: CompiledKernel,
  buffers: Readonly<Record<string, BufferRange>>,
): Promise<GPUBindGroup> {
  const unknown = Object.keys(buffers).filter((name) => !bindings.some((binding) => binding.name === name));
  if (unknown.length > 0) throw new GpuError(`kernel ${label}: has no binding named ${unknown.join(', ')}`);
  const entries = bindings.map(({ name, index }) => {
    const resource = buffers[name];
    if (!resource) throw new GpuError(`kernel ${label}: no buffer given for its binding ${name}`);
    return { binding: index, resource };
  });
  return scoped(device.gpu, `kernel ${label}: bind group`, () =>
    device.gpu.createBindGroup({ label, layout, entries }),
  );
}

/** Nobody wants the step any more: it was left between two tiles, or two submissions. */
export class AbandonedError extends Error {
  override name = 'AbandonedError';
}

/** How a step is submitted. */
export interface ReplayOptions {
  /** Asked between two parts of the step; once false, it is left where it stands. */
  readonly isWanted?: (() => boolean) | undefined;
  /** Whether it may take the GPU longer than is good for one submission. */
  readonly long?: boolean;
}

/** `forward`, recorded once; replayed for every step. */
export class Plan<Counts> {
  readonly segments: readonly Segment<Counts>[];
  readonly #device: Device;
  readonly #residency: Residency;
  readonly #buffers: readonly GPUBuffer[];
  readonly #pace: Pace;

  constructor(
    device: Device,
    segments: readonly Segment<Counts>[],
    residency: Residency,
    buffers: readonly GPUBuffer[],
    pace: Pace,
  ) {
    this.#pace = pace;
    this.#device = device;
    this.segments = segments;
    this.#residency = residency;
    this.#buffers = buffers;
  }

  /**
   * Encodes and submits one step; `copies` are recorded behind the last dispatch.
   * Resolves when all is submitted, not when the GPU is done; a `long` step goes in parts, each a tenth of a second of the
   * GPU's time, of which it has two at most. A segment that has nothing to do in this step does not wait for its tiles.
   * Rejects with `AbandonedError`, before a streamed tile or between two parts, where the step is not wanted any more.
   */
  async replay(
    counts: Counts,
    copies?: (encoder: GPUCommandEncoder) => void,
    { isWanted = () => true, long = false }: ReplayOptions = {},
  ): Promise<void> {
    const submissions = new Submissions(this.#device, this.#pace);
    const checkWanted = () => {
      if (!isWanted()) throw new AbandonedError('nobody waits for the step any more');
    };
    for (const { tiles, dispatches, gate } of this.segments) {
      if (!dispatches.some(({ workgroups }) => workgroups(counts))) continue;
      if (tiles.length > 0) checkWanted();
      const arriving = gate?.() ?? this.#residency.acquire(tiles);
      if (arriving) {
        submissions.submit(); // the GPU works on it while the tiles arrive
        await arriving;
      }
      for (const dispatch of dispatches) {
        const groups = dispatch.workgroups(counts);
        if (!groups) continue;
        submissions.dispatch(dispatch, groups);
        if (!long || !submissions.isLong) continue;
        if (tiles.length === 0) checkWanted();
        await submissions.submitInTurn();
      }
      if (tiles.length === 0) continue;
      submissions.submit(); // what takes the tiles' place must stand behind it in the queue
      this.#residency.release(tiles);
    }
    if (copies) submissions.encode(copies);
    submissions.submit();
    this.#device.check();
  }

  /** Frees the plan's own buffers. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  /** Dispatches that a step of these counts makes. */
  dispatchCount(counts: Counts): number {
    return this.segments.flatMap((s) => s.dispatches.filter((d) => d.workgroups(counts))).length;
  }
}
