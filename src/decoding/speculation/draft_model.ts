import { pendingId } from '../../../kernels/parts/range.ts';
import { mostLikely, type RowSampling } from '../../../kernels/parts/sampling.ts';
import type { BatchToken, Model } from '../model.ts';

/** A sequence whose next tokens are asked for. */
export interface DraftRequest {
  readonly sequence: number;
  /** All that is known of it. */
  readonly tokens: readonly number[];
  /** How each token is chosen, in order: with the noise that the large model is going to choose with. */
  readonly rows: readonly (RowSampling | undefined)[];
}

/** Drafts of late that the milliseconds of one are the mean of, about. */
const remembered = 10;

/**
 * A small model beside the large one, with a cache of its own: it says what may come next, in passes that cost little. Of
 * what was rejected its cache keeps nothing: each request goes on from the tokens that are still the same.
 */
export class DraftModel {
  #model: Model | undefined;
  /** By sequence: the tokens whose keys and values its cache holds. */
  #held: (readonly number[])[] = [];
  /** Sequences that drafts are being made for. */
  #busy: ReadonlySet<number> = new Set();
  /** Milliseconds of a draft; undefined before the first. */
  #cost: number | undefined;

  /** The model from now on; after a lost device it is another, with an empty cache. */
  async use(model: Model): Promise<void> {
    await this.close();
    this.#model = model;
    this.#held = Array.from({ length: model.sequences }, () => []);
    model.kv.makeRoom = () => this.#evict(model);
  }

  /** How many tokens may stand before a draft, and with it; 0 where there is no model. */
  get contextLength(): number {
    return this.#model?.memory.contextLength ?? 0;
  }

  /** Milliseconds that one draft takes, as far as is known. */
  get cost(): number | undefined {
    return this.#cost;
  }

  /** Drafts for each request, as many as it has rows; none where its cache has no room, or it cannot go on. */
  async propose(requests: readonly DraftRequest[]): Promise<readonly (readonly number[])[]> {
    const model = this.#model;
    if (!model) return requests.map(() => []);
    const start = performance.now();
    this.#busy = new Set(requests.map(({ sequence }) => sequence));
    try {
      const drafts = await this.#propose(model, requests);
      const each = (performance.now() - start) / Math.max(...drafts.map(({ length }) => length));
      this.#cost = this.#cost === undefined ? each : this.#cost + (each - this.#cost) / remembered;
      return drafts;
    } catch {
      if (model === this.#model) await this.#forget(model).catch(() => this.close());
      return requests.map(() => []);
    }
  }

  async #propose(model: Model, requests: readonly DraftRequest[]): Promise<readonly (readonly number[])[]> {
    for (const request of requests) await this.#catchUp(model, request);
    const drafts = requests.map((): number[] => []);
    const results: Promise<void>[] = [];
    const passes = Math.max(...requests.map(({ rows }) => rows.length));
    for (let pass = 0; pass < passes; pass++) {
      const going = requests.map((_, i) => i).filter((i) => pass < (requests[i] as DraftRequest).rows.length);
      const decode = going.map((i) => draftToken(requests[i] as DraftRequest, pass, drafts[i]?.[pass - 1]));
      const { results: read } = await model.submit({ decode, reads: 'ids' });
      const done = read().then(({ ids }) => {
        for (const [row, i] of going.entries()) drafts[i]?.push(ids[row] as number);
      });
      results.push(done);
      if (model.maxAhead === 1) await done;
    }
    await Promise.all(results);
    requests.forEach(({ sequence, tokens }, i) => {
      this.#held[sequence] = [...tokens, ...(drafts[i] as number[]).slice(0, -1)];
    });
    const { vocabLength } = model.config;
    return drafts.map((ids) => (ids.every((id) => id < vocabLength) ? ids : []));
  }

  /** All of a request's tokens but the last are in the cache, and nothing else is. */
  async #catchUp(model: Model, { sequence, tokens }: DraftRequest): Promise<void> {
    const held = this.#held[sequence] as readonly number[];
    const last = tokens.length - 1;
    let computed = 0;
    while (computed < last && held[computed] === tokens[computed]) computed++;
    await model.edit((kv) => kv.truncate(sequence, computed));
    this.#held[sequence] = tokens.slice(0, computed);
    const isShort = last - computed <= model.maxDecode;
    for (let end = computed; end < last; computed = end) {
      end = Math.min(last, computed + (isShort ? model.maxDecode : model.maxPrefill));
      const some = tokens.slice(computed, end).map((id, i) => {
        return { id, position: computed + i, sequence, wantsLogits: false };
      });
      await model.submit(isShort ? { decode: some } : { prefill: some });
    }
  }

  /** Gives back what is held of a sequence that nobody asks for. */
  #evict({ kv }: Model): boolean {
    const sequence = this.#held.findIndex((tokens, i) => tokens.length > 0 && !this.#busy.has(i));
    if (sequence < 0) return false;
    kv.truncate(sequence, 0);
    this.#held[sequence] = [];
    return true;
  }

  /** Nothing is held any more: a step has failed, or found no room. */
  async #forget(model: Model): Promise<void> {
    for (const sequence of this.#held.keys()) {
      this.#held[sequence] = [];
      await model.edit((kv) => kv.truncate(sequence, 0));
    }
  }

  /** Frees it; nothing is proposed from now on. */
  async close(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    await model?.destroy();
  }
}

function draftToken({ sequence, tokens, rows }: DraftRequest, pass: number, before: number | undefined): BatchToken {
  const id = pass === 0 ? (tokens.at(-1) as number) : (before ?? pendingId);
  const sampling = { ...(rows[pass] ?? mostLikely), sequence, adjusts: false, feeds: true };
  return { id, position: tokens.length - 1 + pass, sequence, wantsLogits: true, sampling };
}
