/** The suite that every home passes, in a page: with the model in it, or in a worker. */
import { load } from '../../src/runtime/browser.ts';
import { load as loadInWorker } from '../../src/worker/index.ts';
import { type ConformanceReport, conformance } from '../conformance/conformance.ts';
import { continuations, type GreedyCase } from '../conformance/greedy.ts';
import { loseDevice, watchDevices } from '../conformance/lose_device.ts';

const missing = '/nowhere.gguf';

export function conformanceInPage(model: string): Promise<ConformanceReport> {
  watchDevices();
  return conformance({ load, model, missing, loseDevice });
}

export function conformanceInWorker(model: string): Promise<ConformanceReport> {
  const worker = () => new Worker(new URL('../conformance/worker.ts', import.meta.url), { type: 'module' });
  const channel = new BroadcastChannel('lose the device');
  const lose = () =>
    new Promise((resolve) => {
      channel.onmessage = resolve;
      channel.postMessage('now');
    });
  return conformance({
    load: (source, { signal, ...options } = {}) => loadInWorker(source, { ...options, worker }),
    model,
    missing,
    loseDevice: lose,
  });
}

export const continuationsInPage = (cases: readonly GreedyCase[]) => continuations(load, cases);
export const continuationsInWorker = (cases: readonly GreedyCase[]) => continuations(loadInWorker, cases);
