import { readFile } from 'node:fs/promises';
import {
  isInRange,
  logitBiasRange,
  type NumberRange,
  rangeText,
  samplingRanges,
} from '../decoding/sampling_options.ts';
import { type FeatureName, featureNames } from '../gpu/device.ts';
import type { GenerateOptions, LLM, LoadOptions, SamplingOptions } from '../index.ts';
import { load } from '../runtime/node.ts';
import { UsageError } from './command.ts';
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
  --kv TYPE              f32 or f16 (default: f16, f32 with exact)
  --context N            positions (default: what fits)
  --gpu-memory SIZE      for weights and KV, such as 8GiB or 500MB
  --adapter NAME         part of the adapter's description
  --features LIST        use no others: base, ${featureNames.join(', ')}
  --space-prefix WHERE   never, first or afterSpecial (default: what the file says)
  --nfc                  bring text to Unicode's NFC first
  --rope-scaling TYPE    none, linear or llama3, with --rope-factor X and --rope-orig-context N
  --chat-template FILE   Jinja for conversations (default: the model's own)
  --quiet                no progress`;

/** Options of every command that generates. */
export const generateArgs = {
  n: { type: 'string', short: 'n' },
  temperature: { type: 'string' },
  'top-k': { type: 'string' },
  'top-p': { type: 'string' },
  'min-p': { type: 'string' },
  'typical-p': { type: 'string' },
  'repeat-penalty': { type: 'string' },
  'repeat-last-n': { type: 'string' },
  'frequency-penalty': { type: 'string' },
  'presence-penalty': { type: 'string' },
  'logit-bias': { type: 'string', multiple: true },
  seed: { type: 'string' },
  stop: { type: 'string', multiple: true },
} as const;

export const samplingUsage = `  --temperature X        0 is greedy (default 0.1)
  --top-k N              of the N most likely tokens (default 0: all)
  --top-p P              of the most likely that make up P together, 0 to 1 (default 1: all)
  --min-p P              of those at least P times so likely as the most likely, 0 to 1 (default 0: all)
  --typical-p P          of those of about the expected likelihood that make up P together, 0 to 1 (default 1: all)
  --repeat-penalty X     divides the logits of recent tokens (default 1: none)
  --repeat-last-n N      tokens that are recent; -1 is all (default 64)
  --frequency-penalty X  off a recent token's logit, for each time it was said; -2 to 2 (default 0)
  --presence-penalty X   off a recent token's logit; -2 to 2 (default 0)
  --logit-bias ID=V      adds V to a token's logit, -100 to 100; can be repeated
  --seed N               the same seed, the same text
  --stop TEXT            ends before TEXT; can be repeated
                         (what begins with a dash follows an equals sign: --presence-penalty=-1)`;

interface Arg {
  readonly type: 'boolean' | 'string';
  readonly multiple?: true;
}
type Value<A extends Arg> = A['type'] extends 'boolean' ? boolean : A extends { multiple: true } ? string[] : string;
type Values<Args extends Readonly<Record<string, Arg>>> = { [K in keyof Args]?: Value<Args[K]> };
export type ModelValues = Values<typeof modelArgs>;
export type GenerateValues = Values<typeof generateArgs>;

/** Loads the model that the options name, with progress on stderr. */
export async function loadModel(values: ModelValues, signal?: AbortSignal): Promise<LLM> {
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
  const kvType = oneOf('--kv', values.kv, ['f32', 'f16']);
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

/** What the options say, and nothing where they say nothing. */
export function generateOptions(values: GenerateValues, signal?: AbortSignal): GenerateOptions {
  const maxTokens = wholeNumber('-n', values.n);
  if (values.stop?.includes('')) throw new UsageError('--stop takes a text that is not empty');
  return {
    ...samplingNumbers(values),
    ...(values['logit-bias'] && { logitBias: new Map(values['logit-bias'].map(parseBias)) }),
    ...(values.stop && { stop: values.stop }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(signal && { signal }),
  };
}

/** `--top-k` to `topK`, and so on. */
function samplingNumbers(values: GenerateValues): SamplingOptions {
  const options: Record<string, number> = {};
  for (const [name, range] of Object.entries(samplingRanges)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const text = values[flag as keyof GenerateValues] as string | undefined;
    if (text !== undefined) options[name] = inRange(`--${flag}`, text, range);
  }
  return options;
}

function parseBias(text: string): [id: number, bias: number] {
  const [, id, bias] = /^(\d+)=(.+)$/.exec(text) ?? [];
  if (id === undefined || bias === undefined) {
    throw new UsageError(
      `--logit-bias takes a token's id and what to add, such as 42=-1.5, not ${JSON.stringify(text)}`,
    );
  }
  return [Number(id), inRange(`--logit-bias ${id}=`, bias, logitBiasRange)];
}

/** `base,f16` to the features allowed; undefined where nothing is said. */
export function parseFeatures(text: string | undefined): FeatureName[] | undefined {
  if (text === undefined) return undefined;
  return text
    .split(',')
    .filter((name) => name !== 'base')
    .map((name) => oneOf('--features', name, featureNames) as FeatureName);
}

export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined;
  throw new UsageError(`${option} is ${choices.join(' or ')}, not ${JSON.stringify(value)}`);
}

/** A number above 0. */
export function number(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value.trim() === '' || !(parsed > 0 && parsed < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`${option} takes a number above 0, not ${JSON.stringify(value)}`);
  }
  return parsed;
}

/** A whole number above 0. */
export function wholeNumber(option: string, value: string | undefined): number | undefined {
  const parsed = number(option, value);
  if (parsed !== undefined && !Number.isSafeInteger(parsed)) {
    throw new UsageError(`${option} takes a whole number, not ${JSON.stringify(value)}`);
  }
  return parsed;
}

/** Token ids divided by commas or spaces. */
export function parseTokens(text: string): number[] {
  return text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((word) => {
      if (!/^\d+$/.test(word))
        throw new UsageError(`--tokens takes ids divided by commas, not ${JSON.stringify(word)}`);
      return Number(word);
    });
}

function inRange(option: string, text: string, range: NumberRange): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isInRange(value, range))
    throw new UsageError(`${option} takes ${rangeText(range)}, not ${JSON.stringify(text)}`);
  return value;
}
