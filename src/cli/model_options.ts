import { readFile } from 'node:fs/promises';
import { type FeatureName, featureNames } from '../gpu/device.ts';
import type { LoadOptions, LocalLLM } from '../index.ts';
import { load } from '../runtime/node.ts';
import { UsageError } from './command.ts';
import { number, oneOf, type Values, wholeNumber } from './option_values.ts';
import { Progress } from './progress.ts';
import { parseSize } from './size.ts';

/** Options of every command that runs a model, as node:util's parseArgs takes them. */
export const modelArgs = {
  model: { type: 'string', short: 'm' },
  precision: { type: 'string' },
  kv: { type: 'string' },
  context: { type: 'string' },
  'gpu-memory': { type: 'string' },
  adapter: { type: 'string' },
  features: { type: 'string' },
  'space-prefix': { type: 'string' },
  nfc: { type: 'boolean' },
  'rope-scaling': { type: 'string' },
  'rope-orig-context': { type: 'string' },
  'rope-factor': { type: 'string' },
  'chat-template': { type: 'string' },
  quiet: { type: 'boolean' },
} as const;

export const modelUsage = `  -m MODEL               a path, an https URL, hf:OWNER/REPO/FILE.gguf, or the first file of a split
  --precision CLASS      fast (default: int8 activations for Q8_0) or exact (f32)
  --kv TYPE              f32, f16 or q8_0: keys and values (default: f16, f32 with exact)
  --context N            positions (default: what fits)
  --gpu-memory SIZE      for weights and KV, such as 8GiB or 500MB
  --adapter NAME         part of the adapter's description
  --features LIST        use no others: base, ${featureNames.join(', ')}
  --space-prefix WHERE   never, first or afterSpecial (default: what the file says)
  --nfc                  bring text to Unicode's NFC first
  --rope-scaling TYPE    none, linear or llama3, with --rope-factor X and --rope-orig-context N
  --chat-template FILE   Jinja for conversations (default: the model's own)
  --quiet                no progress`;

export type ModelValues = Values<typeof modelArgs>;

/** Loads the model that the options name, with progress on stderr. */
export async function loadModel(values: ModelValues, signal?: AbortSignal): Promise<LocalLLM> {
  if (values.model === undefined) throw new UsageError('name the model with -m');
  let progress: Progress | undefined;
  try {
    return await load(values.model, {
      ...loadOptions(values),
      ...(values['chat-template'] !== undefined && { chatTemplate: await readFile(values['chat-template'], 'utf8') }),
      ...(signal && { signal }),
      onWarning: (message) => console.error(`warning: ${message}`),
      onProgress({ stage, doneBytes, totalBytes }) {
        if (values.quiet || totalBytes === undefined) return;
        progress ??= new Progress(stage, totalBytes);
        progress.update(doneBytes);
      },
    });
  } finally {
    progress?.end();
  }
}

function loadOptions(values: ModelValues): LoadOptions {
  const gpuMemoryBytes = values['gpu-memory'] === undefined ? undefined : parseSize(values['gpu-memory']);
  if (values['gpu-memory'] !== undefined && gpuMemoryBytes === undefined) {
    throw new UsageError('--gpu-memory takes a size such as 8GiB or 500MB');
  }
  const precision = oneOf('--precision', values.precision, ['exact', 'fast']);
  const kvType = oneOf('--kv', values.kv, ['f32', 'f16', 'q8_0']);
  const spacePrefix = oneOf('--space-prefix', values['space-prefix'], ['never', 'first', 'afterSpecial']);
  const ropeScaling = oneOf('--rope-scaling', values['rope-scaling'], ['none', 'linear', 'llama3']);
  const contextLength = wholeNumber('--context', values.context);
  const ropeOrigContext = wholeNumber('--rope-orig-context', values['rope-orig-context']);
  const ropeFactor = number('--rope-factor', values['rope-factor']);
  const features = parseFeatures(values.features);
  return {
    ...(precision && { precision }),
    ...(kvType && { kvType }),
    ...(contextLength && { contextLength }),
    ...(gpuMemoryBytes && { gpuMemoryBytes }),
    ...(spacePrefix && { spacePrefix }),
    nfc: values.nfc ?? false,
    overrides: {
      ...(ropeScaling && { ropeScaling }),
      ...(ropeOrigContext && { ropeOrigContext }),
      ...(ropeFactor && { ropeFactor }),
    },
    deviceOptions: { ...(values.adapter !== undefined && { adapter: values.adapter }), ...(features && { features }) },
  };
}

/** `base,f16` to the features allowed; undefined where nothing is said. */
export function parseFeatures(text: string | undefined): FeatureName[] | undefined {
  if (text === undefined) return undefined;
  return text
    .split(',')
    .filter((name) => name !== 'base')
    .map((name) => oneOf('--features', name, featureNames) as FeatureName);
}
