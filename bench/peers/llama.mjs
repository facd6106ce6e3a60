/**
 * llama.cpp through node-llama-cpp as an engine of versus.ts: `node bench/peers/llama.mjs MODEL.gguf vulkan|cpu CONTEXT`.
 *
 * Greedy, f16 KV, its own defaults otherwise (flash attention where it supports it, 512 tokens a batch). Fails where a
 * part of the model would run elsewhere than asked. `npm install` in this folder first.
 */
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { timeTokens } from '../../src/bench/run.ts';
import { serveEngine } from '../engine.ts';

// ggml skips Vulkan devices that are CPUs, as lavapipe is, unless they are named.
process.env.GGML_VK_VISIBLE_DEVICES ??= '0';

const [modelPath, backend, contextSize] = process.argv.slice(2);
try {
  await serveEngine(await openLlama(backend === 'cpu' ? false : 'vulkan'));
  process.exit();
} catch (error) {
  console.error(`llama.cpp: ${error.message}`);
  process.exit(1);
}

async function openLlama(gpu) {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const threads = availableParallelism(); // its default of at least four slows two cores down a hundredfold
  const log = [];
  const logger = (_, message) => log.push(message);
  const llama = await getLlama({ gpu, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.debug, logger });
  const model = await llama.loadModel({ modelPath, gpuLayers: gpu ? 'max' : 0 });
  const context = await model.createContext({ contextSize: Number(contextSize), sequences: 1, threads });
  if (gpu) await requireGpu(log);
  const sequence = context.getSequence();
  const place = gpu ? (await llama.getGpuDeviceNames()).join(', ') : `CPU, ${threads} threads`;
  return {
    name: `llama.cpp ${llama.llamaCppRelease.release} (${gpu || 'cpu'}) on ${place}`,
    run: (run) => timeRun(sequence, run),
    close: () => llama.dispose(),
  };
}

/** llama.cpp falls back to its CPU code without an error; its log, which comes late, says where each layer went. */
async function requireGpu(log) {
  for (let tries = 0; ; tries++) {
    const text = log.join('\n');
    const [, offloaded, total] = /offloaded (\d+)\/(\d+) layers to GPU/.exec(text) ?? [];
    const kv = [...text.matchAll(/(\w+) KV buffer/g)].map(([, place]) => place);
    if (offloaded && offloaded === total && kv.length > 0 && kv.every((place) => place === 'Vulkan0')) return;
    if (tries === 40)
      throw new Error(`not wholly on Vulkan: ${offloaded ?? 'no'} of ${total ?? '?'} layers, KV on ${kv}`);
    await setTimeout(50);
  }
}

async function timeRun(sequence, { depth, prompt, decode }) {
  const isThere = depth.length > 0 && depth.every((token, i) => token === sequence.contextTokens[i]);
  if (isThere) await sequence.eraseContextTokenRanges([{ start: depth.length, end: sequence.nextTokenIndex }]);
  else await sequence.clearHistory();
  if (depth.length > 0 && !isThere) await sequence.evaluateWithoutGeneratingNewTokens(depth);
  if (sequence.nextTokenIndex !== depth.length)
    throw new Error('the cache holds another part of the prompt than was asked');
  return timeTokens(sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true }), decode);
}
