import { GgufError } from '../gguf/errors.ts';
import type { Device } from '../gpu/device.ts';
import { GpuError } from '../gpu/errors.ts';
import type { Residency, Tile } from '../gpu/plan.ts';
import type { HostCache } from './host_cache.ts';
import type { Lane } from './lane.ts';
import type { Piece } from './piece.ts';
import type { Filled } from './staging.ts';

/** A lane as a stream uses it. */
export type StreamLane = Pick<Lane, 'prepare' | 'fill' | 'submit'>;

/** A tile that comes anew in every pass, and what it is made of. */
export interface StreamedTile {
  readonly tile: Tile;
  readonly pieces: readonly Piece[];
}

/** What a stream has done since it was made. */
export interface StreamCounts {
  readonly bytes: number;
  /** Of these, bytes that the host held already. */
  readonly cachedBytes: number;
  /** Seconds in which the GPU's next work waited for a tile. */
  readonly waitSeconds: number;
}

interface Arrival {
  /** Pieces that are not submitted yet. */
  missing: number;
  readonly there: PromiseWithResolvers<void>;
}

/** A piece of the endless row of tiles, and whose it is. */
interface Job {
  readonly place: number;
  readonly piece: Piece;
}

/** Attempts to read a piece; a source that has judged its fault (a `GgufError`) is not asked again. */
const readTries = 3;
/** Milliseconds before the second attempt, doubled before the third. */
const retryMs = 100;

/**
 * Brings streamed tiles again and again, in the order of a pass: tile k lives in slot k mod `slotCount`. A **place** counts
 * tiles without end: pass × tiles + k. Lanes read ahead as far as they have staging memory; a piece is copied into its slot
 * once the tile before it there was released, and what was submitted first the GPU does first. Between two passes the first
 * tiles of the next one come already.
 */
export class TileStream implements Residency {
  readonly #device: Pick<Device, 'check' | 'unlessLost' | 'gpu'>;
  /** In the order of a pass. */
  readonly tiles: readonly StreamedTile[];
  readonly #order: ReadonlyMap<Tile, number>;
  readonly #slotCount: number;
  readonly #lanes: readonly StreamLane[];
  readonly #cache: Pick<HostCache, 'get' | 'fill'>;
  /** Each lane's pieces of a pass: always the same ones, whose bind groups it keeps. */
  readonly #jobs: readonly (readonly Job[])[];
  readonly #arrivals = new Map<number, Arrival>();
  /** The place of the tile that is asked for next, if none is left out; all before it are released. */
  #next = 0;
  #moved = Promise.withResolvers<void>();
  #running: Promise<unknown> | undefined;
  #stop = new AbortController();
  #hasFailed = false;
  #isClosed = false;
  #linkBytesPerSecond = 0;
  #counts = { bytes: 0, cachedBytes: 0, waitSeconds: 0 };

  constructor(
    device: Pick<Device, 'check' | 'unlessLost' | 'gpu'>,
    tiles: readonly StreamedTile[],
    slotCount: number,
    lanes: readonly StreamLane[],
    cache: Pick<HostCache, 'get' | 'fill'>,
  ) {
    this.#device = device;
    this.tiles = tiles;
    this.#order = new Map(tiles.map(({ tile }, i) => [tile, i]));
    this.#slotCount = slotCount;
    this.#lanes = lanes;
    this.#cache = cache;
    const jobs = tiles.flatMap(({ pieces }, place) => pieces.map((piece) => ({ place, piece })));
    this.#jobs = lanes.map((_, lane) => jobs.filter((_, i) => i % lanes.length === lane));
  }

  /** At which tiles came while nothing was computed; 0 before it was measured. */
  get linkBytesPerSecond(): number {
    return this.#linkBytesPerSecond;
  }

  get counts(): StreamCounts {
    return { ...this.#counts };
  }

  /** Bytes of the file in one pass. */
  get bytesPerPass(): number {
    return this.#jobs.flat().reduce((sum, { piece }) => sum + piece.byteLength, 0);
  }

  /** Tiles come in the order of a pass; those that it leaves out are passed over. */
  acquire(tiles: readonly Tile[]): Promise<void> | undefined {
    const [tile] = tiles;
    if (!tile) return undefined;
    const place = this.#placeOf(tile);
    this.#release(place);
    if (this.#running && this.#arrival(place).missing === 0) return undefined;
    return this.#wait(place);
  }

  /** The GPU's work on them is submitted. */
  release(tiles: readonly Tile[]): void {
    const [tile] = tiles;
    if (tile) this.#release(this.#placeOf(tile) + 1);
  }

  /** Measures the link: brings tiles that nobody computes with, for about `seconds` after a first one. */
  async measureLink(seconds: number): Promise<void> {
    const [first, ...others] = this.tiles as [StreamedTile, ...StreamedTile[]];
    await this.#bringAll([first], 0);
    this.#linkBytesPerSecond = await this.#bringAll(others.length > 0 ? others : [first], seconds);
    await this.rest();
  }

  /** Bytes per second; ends after the tile that took longer. */
  async #bringAll(tiles: readonly StreamedTile[], seconds: number): Promise<number> {
    const began = performance.now();
    const elapsed = () => (performance.now() - began) / 1000;
    let bytes = 0;
    for (const { tile, pieces } of tiles) {
      await this.acquire([tile]);
      this.release([tile]);
      bytes += pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (elapsed() > seconds) break;
    }
    await this.#device.unlessLost(this.#device.gpu.queue.onSubmittedWorkDone());
    return bytes / elapsed();
  }

  /** Ends reading ahead, until a tile is asked for. */
  rest(): Promise<void> {
    return this.#halt(new Error('reading ahead has ended'));
  }

  /** Ends all reading; resolves when nobody touches the lanes any more. What waits for a tile rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#halt(new Error('the model is closed'));
  }

  /** From `#next` on. */
  #placeOf(tile: Tile): number {
    const count = this.tiles.length;
    const order = this.#order.get(tile) as number;
    return this.#next + ((order - (this.#next % count) + count) % count);
  }

  #release(before: number): void {
    if (before === this.#next) return;
    for (let place = this.#next; place < before; place++) this.#arrivals.delete(place);
    this.#next = before;
    this.#move();
  }

  /** Whoever waits for a slot looks again. */
  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #arrival(place: number): Arrival {
    const known = this.#arrivals.get(place);
    if (known) return known;
    const { pieces } = this.tiles[place % this.tiles.length] as StreamedTile;
    const arrival = { missing: pieces.length, there: Promise.withResolvers<void>() };
    arrival.there.promise.catch(() => undefined); // read ahead of who asks
    this.#arrivals.set(place, arrival);
    return arrival;
  }

  async #wait(place: number): Promise<void> {
    const began = performance.now();
    if (this.#hasFailed) await this.#halt(new Error('begun anew')); // by reading ahead: perhaps it goes well now
    this.#start(place);
    await this.#arrival(place).there.promise;
    this.#counts.waitSeconds += (performance.now() - began) / 1000;
  }

  #start(place: number): void {
    if (this.#isClosed) throw new Error('the model is closed');
    if (this.#running) return;
    this.#hasFailed = false;
    this.#stop = new AbortController();
    this.#arrivals.clear();
    this.#running = Promise.allSettled(this.#lanes.map((lane, i) => this.#run(lane, this.#jobs[i] ?? [], place)));
  }

  /** Stops the lanes, and waits until all have. */
  async #halt(reason: Error): Promise<void> {
    this.#stop.abort(reason);
    for (const { there } of this.#arrivals.values()) there.reject(reason);
    this.#move();
    await this.#running;
    this.#running = undefined;
  }

  /** One lane's way: its pieces from `start` on, in turn, pass after pass, until one of them cannot be brought. */
  async #run(lane: StreamLane, jobs: readonly Job[], start: number): Promise<void> {
    const { signal } = this.#stop;
    const count = this.tiles.length;
    for (let pass = start - (start % count); jobs.length > 0; pass += count) {
      for (const job of jobs) {
        const place = pass + job.place;
        try {
          await this.#bring(lane, job.piece, place, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (place < this.#next) continue; // nobody wants it any more
          this.#hasFailed = true;
          this.#arrival(place).there.reject(error);
          return;
        }
      }
    }
  }

  async #bring(lane: StreamLane, piece: Piece, place: number, signal: AbortSignal): Promise<void> {
    if (place < this.#next) return; // left out by this pass, or before the start
    await lane.prepare(piece);
    const cached = this.#cache.get(piece);
    const filled = cached ?? (await retried(signal, () => this.#read(lane, piece, signal)));
    while (!this.#isFree(place)) {
      const moved = this.#moved.promise;
      signal.throwIfAborted();
      await moved;
    }
    signal.throwIfAborted();
    if (place < this.#next) return;
    this.#device.check();
    lane.submit(filled);
    this.#counts.bytes += piece.byteLength;
    if (cached) this.#counts.cachedBytes += piece.byteLength;
    const arrival = this.#arrival(place);
    arrival.missing--;
    if (arrival.missing === 0) arrival.there.resolve();
  }

  async #read(lane: StreamLane, piece: Piece, signal: AbortSignal): Promise<Filled> {
    return (await this.#cache.fill(piece, signal)) ?? lane.fill(piece, signal);
  }

  /** Whether the tile that was in a place's slot before is released. */
  #isFree(place: number): boolean {
    const count = this.tiles.length;
    const k = place % count;
    const lastOfSlot = count - 1 - ((count - 1 - k) % this.#slotCount);
    const before = k >= this.#slotCount ? place - this.#slotCount : place - k - count + lastOfSlot;
    return before < this.#next;
  }
}

/** Repeats what fails as disks do, now and then. */
async function retried<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (tries === readTries || error instanceof GgufError || error instanceof GpuError) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs * 2 ** (tries - 1)));
    }
  }
}
