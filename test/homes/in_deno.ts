/**
 * `deno run -A --unstable-webgpu in_deno.ts kernels | doctor MODEL | conformance MODEL | continuations FILE | reads FILE | cache`:
 * the result as JSON on stdout.
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { load, openDenoDevice, openDenoFile } from '../../src/runtime/deno.ts';
import { denoCache } from '../../src/runtime/deno_cache.ts';
import { conformance } from '../conformance/conformance.ts';
import { continuations } from '../conformance/greedy.ts';
import { loseDevice, watchDevices } from '../conformance/lose_device.ts';
import { cachedTexts, checkKernels, checkPocket, wrongReads } from './scenario.ts';

const [what = '', path = ''] = Deno.args;
const tasks: Record<string, () => Promise<unknown>> = {
  kernels: () => checkKernels(openDenoDevice, 2),
  doctor: async () =>
    checkPocket(load, await readFile(path), JSON.parse(await readFile(`${dirname(path)}/pocket.golden.json`, 'utf8'))),
  conformance() {
    watchDevices();
    return conformance({ load, model: path, missing: `${path}/nowhere`, loseDevice });
  },
  continuations: async () => continuations(load, JSON.parse(await readFile(path, 'utf8'))),
  cache: () => cachedTexts(denoCache()),
  reads: async () => wrongReads(await openDenoFile(path)),
};
console.log(JSON.stringify(await tasks[what]!()));
