import { speculationModes } from '../decoding/generate.ts';
import {
  isInRange,
  logitBiasRange,
  type NumberRange,
  rangeText,
  samplingRanges,
} from '../decoding/sampling_options.ts';
import type { GenerateOptions, SamplingOptions } from '../index.ts';
import { UsageError } from './command.ts';
import { formArgs, formOptions, formUsage } from './form_options.ts';
import { oneOf, type Values, wholeNumber } from './option_values.ts';

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
  speculation: { type: 'string' },
  ...formArgs,
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
  --speculation WHEN     auto, always or off: guesses tokens ahead, several to a pass; the text is the same
                         (default auto: where it is measured to be faster)
${formUsage}
                         (what begins with a dash follows an equals sign: --presence-penalty=-1)`;

export type GenerateValues = Values<typeof generateArgs>;

/** What the options say, and nothing where they say nothing. */
export function generateOptions(values: GenerateValues, signal?: AbortSignal): GenerateOptions {
  const maxTokens = wholeNumber('-n', values.n);
  const speculation = oneOf('--speculation', values.speculation, speculationModes);
  if (values.stop?.includes('')) throw new UsageError('--stop takes a text that is not empty');
  return {
    ...samplingNumbers(values),
    ...formOptions(values),
    ...(values['logit-bias'] && { logitBias: new Map(values['logit-bias'].map(parseBias)) }),
    ...(values.stop && { stop: values.stop }),
    ...(speculation && { speculation }),
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

function inRange(option: string, text: string, range: NumberRange): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isInRange(value, range))
    throw new UsageError(`${option} takes ${rangeText(range)}, not ${JSON.stringify(text)}`);
  return value;
}
