/** webgguf in Node as an engine of versus.ts: `node bench/webgguf.ts MODEL.gguf [options of load as JSON]`. */
import { timeRun } from '../src/bench/run.ts';
import type { LoadOptions } from '../src/index.ts';
import { load } from '../src/runtime/node.ts';
import { serveEngine } from './engine.ts';

const [path = '', options = '{}'] = process.argv.slice(2);
const llm = await load(path, JSON.parse(options) as LoadOptions);
await serveEngine({
  name: `webgguf ${llm.info.precision} in Node ${process.version} on ${llm.info.adapter}`,
  run: (run) => timeRun(llm, run),
  close: () => llm[Symbol.asyncDispose](),
});
