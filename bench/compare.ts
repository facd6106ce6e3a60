import { fileURLToPath } from 'node:url';
import { type Spread, spreadOf } from '../src/bench/statistics.ts';
import { type BenchTest, rateOf, runOf } from '../src/bench/tests.ts';
import type { LoadOptions } from '../src/index.ts';
import { findSwiftShader } from '../src/runtime/find_browser.ts';
import { type Engine, spawnEngine } from './engine.ts';

export interface Comparison {
  readonly test: string;
  readonly peer: string;
  /** Tokens a second. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Ours to theirs, of each round. */
  readonly ratio: Spread;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Who can be compared with, and how each is opened. */
export const peers: Readonly<Record<string, (model: string, contextLength: number) => Promise<Engine>>> = {
  vulkan: (model, context) => spawnEngine(here('peers/llama.mjs'), [model, 'vulkan', String(context)]),
  cpu: (model, context) => spawnEngine(here('peers/llama.mjs'), [model, 'cpu', String(context)]),
  /** webgguf itself in Node, on the SwiftShader that Chromium runs on. */
  node: (model, contextLength) => {
    const driver = findSwiftShader();
    if (!driver) throw new Error('no SwiftShader beside a Chromium found; `npm run setup` installs it');
    const environment = { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver };
    return spawnEngine(here('webgguf.ts'), [model, JSON.stringify({ contextLength })], environment);
  },
  wllama: (model, contextLength) => inChromium('wllama', model, { contextLength }),
  'transformers.js': async () => {
    throw new Error('transformers.js reads ONNX alone, not GGUF: there is no file that both engines read');
  },
};

/** What needs a browser is loaded by those alone who have one. */
async function inChromium(...args: Parameters<typeof import('./chromium/open.ts').openInChromium>): Promise<Engine> {
  return (await import('./chromium/open.ts')).openInChromium(...args);
}

/** webgguf itself, in Node or in Chromium. */
export function openOurs(place: string, model: string, options: LoadOptions): Promise<Engine> {
  if (place === 'chromium') return inChromium('webgguf', model, options);
  if (place !== 'node') throw new Error(`webgguf runs in node or chromium, not in "${place}"`);
  return spawnEngine(here('webgguf.ts'), [model, JSON.stringify(options)]);
}

/** Both engines in turns. */
export async function compare(ours: Engine, peer: Engine, test: BenchTest, rounds: number): Promise<Comparison> {
  const rate = async (engine: Engine, turn: number) => rateOf(test, await engine.run(runOf(test, turn)));
  for (const engine of [ours, peer]) await rate(engine, 0);
  const rates: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
  for (let round = 1; round <= rounds; round++) {
    rates.ours.push(await rate(ours, round));
    rates.theirs.push(await rate(peer, round));
  }
  return {
    test: test.name,
    peer: peer.name,
    ours: spreadOf(rates.ours),
    theirs: spreadOf(rates.theirs),
    ratio: spreadOf(rates.ours.map((rate, i) => rate / rates.theirs[i]!)),
  };
}
