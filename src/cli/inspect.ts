import { parseArgs } from 'node:util';
import type { KvType } from '../../kernels/parts/kv.ts';
import { closeGguf } from '../gguf/open.ts';
import { isKvType, planFile } from '../inspect/plan.ts';
import { summarize } from '../inspect/summary.ts';
import { openModel } from '../runtime/node_file.ts';
import { print, runCommand, UsageError } from './command.ts';
import { describeAsJson } from './inspect/json.ts';
import { describe } from './inspect/text.ts';
import { parseSize } from './size.ts';

const usage = `usage: webgguf inspect MODEL [options]

What a file holds and what it needs, from its header alone: no GPU. MODEL is a path, an https URL,
hf:OWNER/REPO/FILE.gguf or the first file of a split.

  --context N        memory for N tokens (default: what fits)
  --gpu-memory SIZE  of 8GiB, 500MB: which layers stay in it, what each pass streams, and how fast that can be
  --kv TYPE          f32, f16 (default) or q8_0
  --json             {"model", "metadata", "tensors", "plan"}`;

interface InspectOptions {
  readonly model: string;
  readonly json: boolean;
  readonly gpuMemoryBytes?: number;
  readonly contextLength?: number;
  readonly kvType: KvType;
}

export function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const options = parseOptions(args);
    const onWarning = (text: string) => console.error(`warning: ${text}`);
    const gguf = await openModel(options.model, { onWarning, ...(signal && { signal }) });
    try {
      const summary = await summarize(gguf);
      const isLocal = !/^(https?:|hf:)/i.test(options.model);
      const plan = await planFile(gguf, options, { isRunnable: summary.obstacle === null, isLocal });
      const text = options.json
        ? describeAsJson(gguf, summary, plan)
        : describe(gguf, summary, plan, options.gpuMemoryBytes);
      await print(`${text}\n`);
    } finally {
      await closeGguf(gguf);
    }
  });
}

function parseOptions(args: string[]): InspectOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'gpu-memory': { type: 'string' },
      context: { type: 'string' },
      kv: { type: 'string', default: 'f16' },
      json: { type: 'boolean' },
    },
  });
  const [model, ...more] = positionals;
  if (model === undefined || more.length > 0) throw new UsageError('inspect takes one MODEL');
  const gpuMemoryBytes = parseSize(values['gpu-memory'] ?? '0');
  if (gpuMemoryBytes === undefined) throw new UsageError('--gpu-memory takes a size such as 8GiB or 500MB');
  const contextLength = Number(values.context ?? 0);
  if (!/^\d*$/.test(values.context ?? '') || !Number.isSafeInteger(contextLength)) {
    throw new UsageError('--context takes a number of tokens');
  }
  const { kv } = values;
  if (!isKvType(kv)) throw new UsageError('--kv is f32, f16 or q8_0');
  return {
    model,
    json: values.json ?? false,
    kvType: kv,
    ...(values['gpu-memory'] && { gpuMemoryBytes }),
    ...(values.context && { contextLength }),
  };
}
