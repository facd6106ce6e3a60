/**
 * llama.cpp's Vulkan backend on one GGUF, a line of JSON for the load and one per run:
 *
 *   node bench/peers/run.mjs MODEL.gguf [--prompt 128] [--decode 32] [--runs 3] [--paced]
 *
 * Prefill is the prompt's length over the time to its first token, decode the tokens after it over their time; greedy,
 * f16 KV. `--paced` starts each run on a line from stdin, so that versus.ts can take turns. Fails where a part of the
 * model would run on the CPU. `npm install` in this folder first.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { promptTokens } from '../prompt_tokens.ts';

// ggml skips Vulkan devices that are CPUs, as lavapipe is, unless they are named.
process.env.GGML_VK_VISIBLE_DEVICES ??= '0';
process.env.XDG_RUNTIME_DIR ??= '/tmp';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: '128' },
    decode: { type: 'string', default: '32' },
    runs: { type: 'string', default: '3' },
    paced: { type: 'boolean', default: false },
  },
});

try {
  const [modelPath] = positionals;
  if (modelPath === undefined) throw new Error('usage: node bench/peers/run.mjs MODEL.gguf [--prompt N] [--decode N]');
  await main(modelPath, promptTokens(Number(values.prompt)), Number(values.decode));
  process.exit();
} catch (error) {
  console.error(`peers: ${error.message}`);
  process.exit(1);
}

async function main(modelPath, prompt, decodeLength) {
  const { sequence, ...loaded } = await load(modelPath, prompt.length + decodeLength + 1);
  // Lavapipe compiles each of llama.cpp's shaders at its first dispatch: minutes, where Mesa's disk cache is empty.
  await timeRun(sequence, prompt, 2);
  print({ ...loaded, promptLength: prompt.length, decodeLength });
  const pace = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  for (let i = 0; i < Number(values.runs); i++) {
    if (values.paced && (await pace.next()).done) break;
    print(await timeRun(sequence, prompt, decodeLength));
  }
}

async function load(modelPath, contextSize) {
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const log = [];
  const logger = (_, message) => log.push(message);
  const llama = await getLlama({ gpu: 'vulkan', build: 'never', logLevel: LlamaLogLevel.debug, logger });
  const model = await llama.loadModel({ modelPath, gpuLayers: 'max' });
  const context = await model.createContext({ contextSize, sequences: 1 });
  return {
    sequence: context.getSequence(),
    engine: `llama.cpp ${llama.llamaCppRelease.release} (${llama.gpu})`,
    device: (await llama.getGpuDeviceNames()).join(', '),
    layers: requireGpu(llama.gpu, log.join('\n')),
  };
}

/** llama.cpp falls back to its CPU code without an error; its log says where each layer went. */
function requireGpu(gpu, log) {
  const [, offloaded, total] = /offloaded (\d+)\/(\d+) layers to GPU/.exec(log) ?? [];
  if (
    gpu === 'vulkan' &&
    offloaded &&
    offloaded === total &&
    /Vulkan0 KV buffer/.test(log) &&
    !/CPU KV buffer/.test(log)
  )
    return `${offloaded}/${total}`;
  throw new Error(`not wholly on Vulkan: backend ${gpu}, ${offloaded ?? 'no'} of ${total ?? '?'} layers`);
}

/** In tokens a second. */
async function timeRun(sequence, prompt, decodeLength) {
  await sequence.clearHistory();
  const start = performance.now();
  let firstToken = 0;
  let count = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count++ === 0) firstToken = performance.now();
    if (count > decodeLength) break;
  }
  if (count <= decodeLength) throw new Error(`the model ended after ${count} tokens`);
  return {
    prefill: (1000 * prompt.length) / (firstToken - start),
    decode: (1000 * decodeLength) / (performance.now() - firstToken),
  };
}

function print(value) {
  console.log(JSON.stringify(value));
}
