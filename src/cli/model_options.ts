import { readFile } from 'node:fs/promises';
import { type FeatureName, featureNames } from '../gpu/device.ts';
import type { LoadOptions, LocalLLM } from '../index.ts';
import { load, type NodeDeviceOptions } from '../runtime/node.ts';
import { UsageError } from './command.ts';
import { number, oneOf, size, type Values, wholeNumber } from './option_values.ts';
import { Progress } from './progress.ts';

/** Options of every command that opens the GPU, as node:util's parseArgs takes them. */
export const deviceArgs = {
  adapter: { type: 'string' },
  features: { type: 'string' },
  without: { type: 'string', multiple: true },
} as const;

/** Options of every command that runs a model. */
export const modelArgs = {
  ...deviceArgs,
  model: { type: 'string', short: 'm' },
  precision: { type: 'string' },
  kv: { type: 'string' },
  context: { type: 'string' },
  'gpu-memory': { type: 'string' },
  'host-memory': { type: 'string' },
  draft: { type: 'string' },
  tune: { type: 'string' },
  'no-tune': { type: 'boolean' },
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
  --gpu-memory SIZE      for all of the model, such as 8GiB or 500MB; what does not fit is streamed
  --host-memory SIZE     RAM in which streamed weights are kept (default: none, they are read in every pass)
  --draft MODEL          a small model of the same vocabulary that guesses what comes next; the text is the same
  --tune MODE            quick (default: kernel variants are timed for a second at most) or full (a minute at most)
  --no-tune              default variants; the results are the same
  --adapter NAME         part of the adapter's description
  --features LIST        use no others: base, ${featureNames.join(', ')}
  --without VARIANT      not this variant of a kernel, which \`doctor\` has found wrong; may be given several times
  --space-prefix WHERE   never, first or afterSpecial (default: what the file says)
  --nfc                  bring text to Unicode's NFC first
  --rope-scaling TYPE    none, linear or llama3, with --rope-factor X and --rope-orig-context N
  --chat-template FILE   Jinja for conversations (default: the model's own)
  --quiet                no progress`;

export type ModelValues = Values<typeof modelArgs>;
export type DeviceValues = Values<typeof deviceArgs>;

/** Loads the model that the options name, with progress on stderr; on `device`, where it is open already. */
export async function loadModel(
  values: ModelValues,
  signal?: AbortSignal,
  opened: Pick<LoadOptions, 'device' | 'sequences'> = {},
): Promise<LocalLLM> {
  if (values.model === undefined) throw new UsageError('name the model with -m');
  let progress: Progress | undefined;
  try {
    return await load(values.model, {
      ...(await loadOptions(values)),
      ...opened,
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

/** How the options want a model to be loaded, whichever it is. */
export async function loadOptions(values: ModelValues): Promise<LoadOptions> {
  const gpuMemoryBytes = size('--gpu-memory', values['gpu-memory']);
  const hostMemoryBytes = size('--host-memory', values['host-memory']);
  const precision = oneOf('--precision', values.precision, ['exact', 'fast']);
  const kvType = oneOf('--kv', values.kv, ['f32', 'f16', 'q8_0']);
  const spacePrefix = oneOf('--space-prefix', values['space-prefix'], ['never', 'first', 'afterSpecial']);
  const ropeScaling = oneOf('--rope-scaling', values['rope-scaling'], ['none', 'linear', 'llama3']);
  const tune = tuning(values);
  const contextLength = wholeNumber('--context', values.context);
  const ropeOrigContext = wholeNumber('--rope-orig-context', values['rope-orig-context']);
  const ropeFactor = number('--rope-factor', values['rope-factor']);
  return {
    ...(precision && { precision }),
    ...(kvType && { kvType }),
    ...(tune && { tune }),
    ...(contextLength && { contextLength }),
    ...(gpuMemoryBytes && { gpuMemoryBytes }),
    ...(hostMemoryBytes && { hostMemoryBytes }),
    ...(spacePrefix && { spacePrefix }),
    ...(values['chat-template'] !== undefined && { chatTemplate: await readFile(values['chat-template'], 'utf8') }),
    ...(values.draft !== undefined && { draft: values.draft }),
    deviceOptions: await deviceOptions(values),
    nfc: values.nfc ?? false,
    overrides: {
      ...(ropeScaling && { ropeScaling }),
      ...(ropeOrigContext && { ropeOrigContext }),
      ...(ropeFactor && { ropeFactor }),
    },
  };
}

function tuning({ tune, 'no-tune': noTune }: ModelValues): LoadOptions['tune'] {
  if (noTune && tune !== undefined) throw new UsageError('--tune and --no-tune exclude each other');
  return noTune ? 'off' : oneOf('--tune', tune, ['quick', 'full']);
}

/** What of an adapter is used. */
export async function deviceOptions({ adapter, features, without }: DeviceValues): Promise<NodeDeviceOptions> {
  if (without) await requireVariants(without);
  return {
    ...(adapter !== undefined && { adapter }),
    ...(features !== undefined && { features: parseFeatures(features) }),
    ...(without && { without }),
  };
}

/** `base,f16` to the features allowed. */
function parseFeatures(text: string): FeatureName[] {
  return text
    .split(',')
    .filter((name) => name !== 'base')
    .map((name) => oneOf('--features', name, featureNames) as FeatureName);
}

async function requireVariants(names: readonly string[]): Promise<void> {
  const { variantNames } = await import('../doctor/variants.ts'); // with every kernel's checks, which few have a use for
  const known = variantNames();
  for (const name of names) {
    if (known.includes(name)) continue;
    const kernel = name.split(' ')[0];
    const near = known.filter((each) => each.startsWith(`${kernel} `));
    const choice = (near.length > 0 ? near : [...new Set(known.map((each) => each.split(' ')[0]))]).join(', ');
    throw new UsageError(`--without names a kernel's variant, not ${JSON.stringify(name)}; there are ${choice}`);
  }
}
