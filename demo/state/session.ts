/** The model: chosen, looked at, loaded, and spoken to; one at a time. */
import { computed, signal } from '@preact/signals';
import pocketUrl from '../../models/pocket-q8_0.gguf?url';
import type { LLM, Precision } from '../../src/index.ts';
import type { Source } from '../../src/runtime/model_source.ts';
import { ModelWorker } from '../worker/client.ts';
import type { Inspection } from '../worker/inspection.ts';
import { deviceOptions } from './device.ts';
import { applyRecommended } from './settings.ts';
import { refreshStored, stored } from './stored.ts';
import { notice, notices, showTrouble, trouble, warn } from './trouble.ts';

/** What a person chose, and how it is called here. */
export interface Choice {
  readonly source: Exclude<Source, Uint8Array>;
  readonly name: string;
  readonly kind: 'pocket' | 'files' | 'link';
}

export interface LoadingState {
  readonly stage: 'download' | 'weights' | 'start';
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
  /** Of late; 0 where nobody knows yet. */
  readonly bytesPerSecond: number;
}

export interface LoadChoices {
  readonly contextLength?: number;
  readonly precision?: Precision;
}

export type Stage = 'start' | 'inspecting' | 'inspected' | 'loading' | 'ready';

export const stage = signal<Stage>('start');
export const choice = signal<Choice | undefined>(undefined);
export const inspection = signal<Inspection | undefined>(undefined);
export const loading = signal<LoadingState | undefined>(undefined);
export const llm = signal<LLM | undefined>(undefined);
/** Of the chosen model's files, what is stored already, in bytes. */
export const storedBytes = computed(() => {
  const link = choice.value?.kind === 'link' ? String(choice.value.source) : undefined;
  return stored.value.find(({ name }) => name === link)?.storedBytes ?? 0;
});

let worker: ModelWorker | undefined;
let running: AbortController | undefined;

/** The worker that the model is in. */
export const modelWorker = (): ModelWorker | undefined => worker;

/** Shows what is known of a model before anything of its weights is fetched. */
export async function choose(chosen: Choice): Promise<void> {
  await closeModel();
  choice.value = chosen;
  stage.value = 'inspecting';
  const signal = begin(() => choose(chosen));
  worker = new ModelWorker();
  await attempt(signal, async () => {
    const isLocal = chosen.kind !== 'link' || isWhole(String(chosen.source));
    const found = await worker!.inspect(chosen.source, { signal, deviceOptions, isLocal });
    inspection.value = found;
    if ('error' in found.gpu) showTrouble(new Error(found.gpu.error));
    else if (found.gpu.isSoftware) notice('software', found.gpu.adapter);
    applyRecommended(found.sampling);
    stage.value = 'inspected';
  });
}

/** Fetches what is missing of the model that was looked at, and brings it to the GPU. */
export async function loadChosen(choices: LoadChoices = {}): Promise<void> {
  const { source, kind } = choice.value!;
  if (kind === 'link') void navigator.storage?.persist?.(); // some browsers ask; workers have no such call
  const signal = begin(() => loadChosen(choices));
  stage.value = 'loading';
  loading.value = { stage: 'start', doneBytes: 0, totalBytes: undefined, bytesPerSecond: 0 };
  const rate = new Rate();
  await attempt(signal, async () => {
    llm.value = await worker!.load(source, {
      ...choices,
      signal,
      deviceOptions,
      store: true,
      onWarning: warn,
      onProgress(progress) {
        if (rate.isDue(progress)) loading.value = { ...progress, bytesPerSecond: rate.of(progress) };
      },
    });
    stage.value = 'ready';
  });
  void refreshStored();
}

/** The built-in model, at once: it is small, and known to run. */
export async function tryPocket(): Promise<void> {
  const signal = begin(() => tryPocket());
  stage.value = 'inspecting';
  const bytes = await attempt(signal, pocketBytes);
  if (!bytes) return;
  const source = new File([bytes], 'pocket-q8_0.gguf');
  await choose({ source, name: 'Pocket', kind: 'pocket' });
  if (inspection.value) await loadChosen();
}

/** The built-in model's file, which the page's service worker keeps. */
export async function pocketBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(pocketUrl);
  if (!response.ok) throw new Error(`the built-in model can't be fetched: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Ends what is under way: back to where one came from. What has been stored stays. */
export function cancel(): void {
  running?.abort();
}

/** Back to the start; the model is gone, what is stored of it stays. */
export async function closeModel(): Promise<void> {
  cancel();
  worker?.close();
  worker = undefined;
  llm.value = undefined;
  inspection.value = undefined;
  choice.value = undefined;
  stage.value = 'start';
  trouble.value = undefined;
  notices.value = [];
}

let tryAgain: (() => void) | undefined;

function begin(retry: () => void): AbortSignal {
  running = new AbortController();
  tryAgain = retry;
  trouble.value = undefined;
  return running.signal;
}

/** A failure is told, and leads back to where one can go on from. */
async function attempt<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
  const retry = tryAgain;
  try {
    return await work();
  } catch (error) {
    if (error !== signal.reason && !signal.aborted) showTrouble(error, retry);
    else if (running && running.signal !== signal) return undefined; // another has begun since
    stage.value = inspection.value ? 'inspected' : 'start';
    if (!inspection.value) choice.value = undefined;
    return undefined;
  }
}

function isWhole(name: string): boolean {
  return stored.value.some((model) => model.name === name && model.storedBytes === model.byteLength);
}

const shownMs = 100;
const rateMs = 3000;

/** How fast bytes have come of late. */
class Rate {
  #stage = '';
  #shown = 0;
  #points: { at: number; bytes: number }[] = [];

  isDue({ stage, doneBytes, totalBytes }: { stage: string; doneBytes: number; totalBytes: number | undefined }) {
    const now = performance.now();
    if (stage === this.#stage && now - this.#shown < shownMs && doneBytes !== totalBytes) return false;
    if (stage !== this.#stage) this.#points = [];
    this.#stage = stage;
    this.#shown = now;
    return true;
  }

  of({ doneBytes }: { doneBytes: number }): number {
    const at = performance.now();
    this.#points = [...this.#points.filter((point) => at - point.at < rateMs), { at, bytes: doneBytes }];
    const first = this.#points[0]!;
    return at > first.at ? ((doneBytes - first.bytes) * 1000) / (at - first.at) : 0;
  }
}
