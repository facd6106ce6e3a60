/** webgguf in Node as an engine of versus.ts: `node bench/webgguf.ts MODEL.gguf [options of load as JSON]`. */
import type { LoadOptions, LocalLLM } from '../src/index.ts';
import { load } from '../src/runtime/node.ts';
import { type Engine, type Run, serveEngine, type Times, timeTokens } from './engine.ts';

/** A loaded model as an engine. */
export function webggufEngine(llm: LocalLLM, place: string): Engine {
  return {
    name: `webgguf ${llm.info.precision} in ${place} on ${llm.info.adapter}`,
    run: (run) => timeRun(llm, run),
    close: () => llm[Symbol.asyncDispose](),
  };
}

async function timeRun(llm: LocalLLM, { depth, prompt, decode }: Run): Promise<Times> {
  const plain = { temperature: 0, speculation: 'off' } as const;
  if (depth.length > 0) await timeTokens(llm.generate(depth, { ...plain, maxTokens: 1 }), 0);
  const tokens = llm.generate([...depth, ...prompt], { ...plain, maxTokens: decode + 1 });
  let result: Awaited<ReturnType<typeof tokens.next>> | undefined;
  const times = await timeTokens(
    (async function* () {
      while (!(result = await tokens.next()).done) yield result.value;
    })(),
    decode,
  );
  result = await tokens.next();
  if (!result.done || result.value.cachedTokens !== depth.length) {
    throw new Error('the cache held another part of the prompt than it was asked to');
  }
  return times;
}

if (import.meta.main) {
  const [path = '', options = '{}'] = process.argv.slice(2);
  const llm = await load(path, JSON.parse(options) as LoadOptions);
  await serveEngine(webggufEngine(llm, `Node ${process.version}`));
}
