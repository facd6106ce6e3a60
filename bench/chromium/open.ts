import { basename, dirname } from 'node:path';
import { openChromium } from '../../test/homes/chromium.ts';
import type { Engine } from '../engine.ts';

/** Lets pages share memory between threads, as wllama does. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** An engine in a page of the system's Chromium, on SwiftShader. */
export async function openInChromium(engine: 'webgguf' | 'wllama', model: string, options: object): Promise<Engine> {
  const chromium = await openChromium(dirname(model), isolation);
  try {
    const { page, until } = await chromium.open('bench/chromium/page.html');
    await until('window.isReady');
    const call = (code: string) => page.evaluate(code) as Promise<unknown>;
    const args = JSON.stringify([engine, `/${basename(model)}`, options]);
    const name = await call(`openEngine(...${args})`);
    return {
      name: name as string,
      run: (run) => call(`engine.run(${JSON.stringify(run)})`) as ReturnType<Engine['run']>,
      async close() {
        await call('engine.close()');
        await chromium[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await chromium[Symbol.asyncDispose]();
    throw error;
  }
}
