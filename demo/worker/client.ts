/** The page's side of its worker. */
import type { LLM } from '../../src/index.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';
import type { Source } from '../../src/runtime/model_source.ts';
import { Connection } from '../../src/worker/connection.ts';
import type { WorkerLoadOptions } from '../../src/worker/index.ts';
import { postedSource } from '../../src/worker/posted_source.ts';
import type { Loaded } from '../../src/worker/serve.ts';
import { WorkerLLM } from '../../src/worker/worker_llm.ts';
import { trustedScriptUrl } from '../trusted_types.ts';
import type { Inspection, InspectOptions } from './inspection.ts';
import type { StepProfile } from './kernel_shares.ts';
import type { ScoredToken } from './main.ts';
import workerUrl from './main.ts?worker&url';
import type { SelfTestLine } from './self_test.ts';

type Method = 'inspect' | 'pieces' | 'scores' | 'profile' | 'selfTest';

/** Likely tokens that are shown beside the one that was chosen. */
const shownAlternatives = 5;

export class ModelWorker {
  readonly #connection: Connection<Method>;

  constructor() {
    const worker = new Worker(trustedScriptUrl(workerUrl) as unknown as URL, { type: 'module' });
    this.#connection = new Connection(worker);
  }

  inspect(source: Source, options: InspectOptions): Promise<Inspection> {
    return this.#connection.call('inspect', postedSource(source)[0], options);
  }

  async load(source: Source, options: WorkerLoadOptions): Promise<LLM> {
    const loaded = await this.#connection.call<Loaded>('load', postedSource(source)[0], options);
    return new WorkerLLM(this.#connection, loaded);
  }

  /** Each token's own text. */
  pieces(ids: readonly number[]): Promise<{ id: number; text: string }[]> {
    return this.#connection.call('pieces', ids);
  }

  scores(tokens: readonly number[], from: number): Promise<ScoredToken[]> {
    return this.#connection.call('scores', tokens, { from, top: shownAlternatives });
  }

  profile(deviceOptions: HomeDeviceOptions): Promise<StepProfile> {
    return this.#connection.call('profile', deviceOptions);
  }

  selfTest(
    pocket: Uint8Array,
    options: { signal: AbortSignal; deviceOptions: HomeDeviceOptions },
  ): AsyncGenerator<SelfTestLine> {
    return this.#connection.stream('selfTest', pocket, options);
  }

  close(): void {
    this.#connection.close(new Error('the model is closed'));
  }
}
