/** What runs in the page: engines of versus.ts that live in a browser. */
import { timeRun } from '../../src/bench/run.ts';
import type { LoadOptions } from '../../src/index.ts';
import { load } from '../../src/runtime/browser.ts';
import type { Engine } from '../engine.ts';

const bytesOf = async (url: string) => (await fetch(url)).blob();

export async function openWebgguf(url: string, options: LoadOptions): Promise<Engine> {
  const llm = await load(await bytesOf(url), options);
  return {
    name: `webgguf ${llm.info.precision} in Chromium on ${llm.info.adapter}`,
    run: (run) => timeRun(llm, run),
    close: () => llm[Symbol.asyncDispose](),
  };
}

interface Completion {
  readonly timings: {
    readonly prompt_n: number;
    readonly prompt_ms: number;
    readonly predicted_n: number;
    readonly predicted_ms: number;
  };
}

const wllamaFolder = '/bench/peers/node_modules/@wllama/wllama/esm';

/**
 * wllama's own timings: from the prompt to its first token, and of the tokens after it. It takes text alone, so that a
 * prompt's time is that of as many tokens as its tokenizer makes of the words, brought to the length asked for. Its WebGPU
 * needs `shader-f16`; elsewhere its WebAssembly runs.
 */
export async function openWllama(url: string, { contextLength }: { contextLength: number }): Promise<Engine> {
  const { Wllama } = await import(/* @vite-ignore */ `${wllamaFolder}/index.js`);
  const wllama = new Wllama({ default: `${wllamaFolder}/wasm/wllama.wasm` });
  const hasF16 = (await navigator.gpu?.requestAdapter())?.features.has('shader-f16') ?? false;
  const gpu = hasF16 && wllama.isSupportWebGPU();
  await wllama.loadModel([await bytesOf(url)], {
    n_ctx: 2 * contextLength,
    n_threads: navigator.hardwareConcurrency,
    n_gpu_layers: gpu ? 99_999 : 0,
  });
  const complete = (tokens: readonly number[], n_predict: number): Promise<Completion> =>
    wllama.createCompletion({
      prompt: wordsFor(tokens),
      n_predict,
      temperature: 0,
      cache_prompt: true,
      ignore_eos: true,
    });
  const place = gpu ? 'WebGPU' : `WebAssembly, ${wllama.getNumThreads()} threads`;
  return {
    name: `wllama (llama.cpp ${Wllama.getLibllamaVersion()}) in Chromium on ${place}`,
    async run({ depth, prompt, decode }) {
      if (depth.length > 0) await complete(depth, 1);
      const { timings } = await complete([...depth, ...prompt], decode + 1);
      if (timings.predicted_n !== decode + 1) throw new Error(`wllama generated ${timings.predicted_n} tokens`);
      return { prefill: (timings.prompt_ms * prompt.length) / timings.prompt_n, decode: timings.predicted_ms };
    },
    close: () => wllama.exit(),
  };
}

/** About as many tokens in the random models' vocabulary: a letter each. */
const wordsFor = (tokens: readonly number[]) => tokens.map((token) => String.fromCharCode(97 + (token % 26))).join('');
