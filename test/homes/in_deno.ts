/** `deno run -A --unstable-webgpu in_deno.ts kernels | greedy MODEL | reads FILE`: the result as JSON on stdout. */
import { load, openDenoDevice, openDenoFile } from '../../src/runtime/deno.ts';
import { checkKernels, greedyTokens, wrongReads } from './scenario.ts';

const [what = '', path = ''] = Deno.args;
const tasks: Record<string, () => Promise<unknown>> = {
  kernels: async () => checkKernels(await openDenoDevice()),
  greedy: () => greedyTokens(load, path),
  reads: async () => wrongReads(await openDenoFile(path)),
};
console.log(JSON.stringify(await tasks[what]!()));
