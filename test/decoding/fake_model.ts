/**
 * A model without a GPU: the real cache on a device of arrays. Every position stores its token, and a hash of all tokens
 * up to it; a step checks what its sequences hold before it goes on from there, and the next token follows from it. So a
 * position that was not computed, or is another sequence's, shows.
 */
import { pendingId } from '../../kernels/parts/range.ts';
import { allRecent } from '../../kernels/parts/sampling.ts';
import { KvCache } from '../../src/decoding/kv_cache.ts';
import { type Batch, type BatchToken, type Model, NoRoomError, type StepResults } from '../../src/decoding/model.ts';
import type { RowSampling, SequenceState } from '../../src/decoding/sampling_tables.ts';
import type { RowScoring, TokenScore } from '../../src/decoding/scoring.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { type FakeBuffer, fakeConfig, fakeDevice } from './fake_device.ts';

export interface FakeOptions {
  readonly sequences?: number;
  readonly cachedPrefixes?: number;
  readonly contextLength?: number;
  readonly maxPrefill?: number;
  readonly maxAhead?: number;
  /** The token at a position, of a number that follows from all tokens before it. Default: as random as that. */
  readonly says?: (position: number, hash: number) => number;
  /** Steps finish when `finish` is called; otherwise by themselves, a turn later. */
  readonly manual?: boolean;
}

export type FakeModel = Awaited<ReturnType<typeof fakeModel>>;

const { vocabLength } = fakeConfig;

export async function fakeModel(options: FakeOptions = {}) {
  const { cachedPrefixes = 0 } = options;
  const { sequences = 1, contextLength = 1024, maxPrefill = 8, maxAhead = 4, manual = false } = options;
  const says = options.says ?? ((_: number, hash: number) => hash % vocabLength);
  const device = fakeDevice();
  const kv = await KvCache.create(device, fakeConfig, {
    type: 'f32',
    sequences,
    shelves: cachedPrefixes,
    contextLength,
  });
  const lastIds: number[] = [];
  const remembered = Array.from({ length: sequences }, () => ({ counts: new Map<number, number>(), recent: [0] }));
  const unfinished: PromiseWithResolvers<void>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let isLost = false;

  const fake = {
    device,
    config: fakeConfig,
    memory: { contextLength },
    kv,
    sequences,
    cachedPrefixes,
    maxPrefill,
    prefillLength: maxPrefill,
    maxDecode: 8,
    maxLogits: 8,
    maxRows: 20,
    maxAhead,
    /** All that was submitted. */
    steps: [] as Batch[],
    /** Sequences whose sampler's state was written, in order. */
    written: [] as number[],
    /** What went wrong in steps: positions that do not hold what they should. */
    corruptions: [] as string[],
    /** What steps wait for before they reserve their room. */
    gate: undefined as Promise<void> | undefined,
    /** What the next submissions fail with. */
    failures: [] as Error[],
    isDestroyed: false,

    get asModel(): Model {
      return fake as unknown as Model;
    },
    get inFlight(): number {
      return unfinished.length;
    },
    /** Lets the oldest steps finish. */
    finish(count = 1): void {
      for (const { resolve } of unfinished.splice(0, count)) resolve();
    },
    /** The device is gone, and with it all steps on their way. */
    lose(): void {
      isLost = true;
      device.lose();
      for (const { reject } of unfinished.splice(0)) reject(lostError());
    },
    writeSamplingState(sequence: number, { counts, recent }: SequenceState): void {
      fake.written.push(sequence);
      remembered[sequence] = { counts: new Map(counts), recent: [...recent] };
    },
    edit<T>(change: (cache: KvCache) => T): Promise<T> {
      return inTurn(async () => change(kv));
    },
    submit(batch: Batch): Promise<{ results(): Promise<StepResults> }> {
      return inTurn(() => submit(batch));
    },
    async read(batch: Batch): Promise<StepResults> {
      return (await fake.submit(batch)).results();
    },
    destroy(): void {
      fake.isDestroyed = true;
      for (const { reject } of unfinished.splice(0)) reject(new Error('a buffer was destroyed'));
    },
  };
  return fake;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  async function submit(batch: Batch): Promise<{ results(): Promise<StepResults> }> {
    const { prefill = [], decode = [], reads } = batch;
    await fake.gate;
    if (fake.isDestroyed) throw new Error('the model is closed');
    const failure = fake.failures.shift();
    if (failure) throw failure;
    for (const tokens of [prefill, decode]) await reserve(tokens);
    if (isLost) throw lostError();
    fake.steps.push(batch);
    const ids: number[] = [];
    const rows: number[] = [];
    const scores: TokenScore[] = [];
    const hidden: number[] = [];
    for (const token of [...prefill, ...decode]) {
      const hash = compute(token);
      if (token.scoring) scores.push(scoreOf(says(token.position + 1, hash), token.scoring));
      if (token.wantsHidden) hidden.push(...Array(fakeConfig.embeddingLength).fill(hash));
      if (!token.wantsLogits) continue;
      ids.push(token.sampling ? choose(token, hash, token.sampling) : 0);
      const likely = says(token.position + 1, hash);
      rows.push(...Array.from({ length: vocabLength }, (_, id) => (id === likely ? 1000 : id / 8)));
    }
    const finished = Promise.withResolvers<void>();
    finished.promise.catch(() => undefined);
    unfinished.push(finished);
    if (!manual) setImmediate(() => fake.finish(unfinished.indexOf(finished) + 1));
    return {
      async results() {
        await finished.promise;
        const { first, count } = batch.logitRows ?? { first: 0, count: ids.length };
        const read = rows.slice(first * vocabLength, (first + count) * vocabLength);
        return {
          ids: Uint32Array.from(reads?.startsWith('ids') ? ids : []),
          rows: Float32Array.from(reads?.endsWith('logits') ? read : []),
          scores,
          hidden: Float32Array.from(hidden),
        };
      },
    };
  }

  async function reserve(tokens: readonly BatchToken[]): Promise<void> {
    for (const { sequence, position } of tokens) {
      if (kv.isReserved(sequence, position, position + 1)) continue;
      await kv.reserve(sequence, position, position + 1).catch((error) => {
        throw new NoRoomError(sequence, error);
      });
    }
  }

  /** Stores a position, and gives the hash of all tokens up to it. */
  function compute({ id, position, sequence }: BatchToken): number {
    const { keys, vals } = kv.layers[0]![0]! as unknown as Record<'keys' | 'vals', { buffer: FakeBuffer }>;
    const token = id === pendingId ? lastIds[sequence]! : id;
    let hash = 0;
    for (let before = 0; before < position; before++) {
      const slot = kv.slot(sequence, before);
      hash = hashed(hash, keys.buffer.floats[slot]!);
      if (vals.buffer.floats[slot] === hash) continue;
      fake.corruptions.push(`position ${before} of sequence ${sequence}, before ${position}`);
      break;
    }
    hash = hashed(hash, token);
    const slot = kv.slot(sequence, position);
    keys.buffer.floats[slot] = token;
    vals.buffer.floats[slot] = hash;
    return hash;
  }

  /** As sample_pick counts, with a choice that follows from the counts. */
  function choose({ sequence, position }: BatchToken, hash: number, sampling: RowSampling): number {
    const { seed, counter, recentLength, recentPlace, feeds } = sampling;
    const { counts, recent } = remembered[sequence]!;
    let mixed = hashed(hashed(hash, seed), counter);
    if (recentLength > 0) for (const [id, count] of counts) mixed += hashed(id, count);
    const id = says(position + 1, mixed);
    if (feeds) lastIds[sequence] = id;
    const add = (of: number, difference: number) => {
      const count = (counts.get(of) ?? 0) + difference;
      if (count === 0) counts.delete(of);
      else counts.set(of, count);
    };
    if (recentLength > 0) add(id, 1);
    if (recentLength === 0 || recentLength === allRecent) return id;
    const place = recentPlace % recentLength;
    if (recentPlace >= recentLength) add(recent[place]!, -1);
    recent[place] = id;
    return id;
  }
}

function scoreOf(likely: number, { target }: RowScoring): TokenScore {
  return { id: target, logprob: target === likely ? 0 : -1, top: [{ id: likely, logprob: 0 }] };
}

export const lostError = () => new DeviceLostError('the GPU device was lost (unknown): a test says so');

/** Whole, and exact in a float. */
function hashed(hash: number, token: number): number {
  return ((Math.imul(hash + 0x9e37, 0x85ebca6b) ^ Math.imul(token + 1, 0xc2b2ae35)) >>> 9) & 0x3fffff;
}
