/**
 * A quantisation written down as YAML, as BSC's quantool reads it: what it asks for and can be done here is done, what
 * it asks for otherwise is refused by its key.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { type GgmlType, ggmlType } from '../../gguf/ggml_types.ts';
import { quantizeTypeNames } from '../../gguf/quantize_plan.ts';

export interface QuantizeJob {
  /** As `openModel` takes it. */
  readonly input: string;
  readonly output: string;
  readonly type: GgmlType;
}

type Config = Readonly<Record<string, unknown>>;

const readKeys = ['model_id', 'method', 'quant_level', 'quantization_config', 'output_path'];
/** Keys that change nothing of the file that is written: how much is said, what an evaluation or an upload would use. */
const idleKeys = [
  'seed',
  'verbose',
  'log_level',
  'log_dir',
  'metrics',
  'eval_dataset',
  'repo_id',
  'private',
  'use_auth_token',
];
/** Keys that ask for what is not done here, unless they say null, false or nothing. */
const refusedKeys = [
  'tokenizer_name',
  'cache_dir',
  'revision',
  'push_to_hub',
  'report_to',
  'save_logs',
  'enable_evaluation',
];

/** Reads the file's jobs, one for each `quant_level`. Throws an error of one line that names the key. */
export async function readQuantizeConfig(path: string): Promise<QuantizeJob[]> {
  const text = await readFile(path, 'utf8');
  try {
    return quantizeJobs(parse(text, { prettyErrors: false }));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** The jobs of a parsed YAML. */
export function quantizeJobs(config: unknown): QuantizeJob[] {
  if (!isObject(config)) throw new Error('is not a YAML file of keys and values');
  requireKnown(config);
  const input = text(config, 'model_id');
  if (!/\.gguf(\?|$)/i.test(input))
    throw new Error(`model_id: ${shown(input)} is no GGUF; name its path or hf:OWNER/REPO/FILE.gguf`);
  const types = levels(config);
  const output = text(config, 'output_path');
  if (!/\.gguf$/i.test(output)) {
    return types.map((type) => ({ input, type, output: join(output, `${modelName(input)}-${type.name}.gguf`) }));
  }
  if (types.length > 1) throw new Error(`output_path names one file, quant_level ${types.length}; name a folder`);
  return [{ input, type: types[0]!, output }];
}

function requireKnown(config: Config): void {
  for (const [key, value] of Object.entries(config)) {
    if (refusedKeys.includes(key) && !asksForNothing(value))
      throw new Error(`${key}: ${shown(value)} can't be done here`);
    if (![...readKeys, ...idleKeys, ...refusedKeys].includes(key)) throw new Error(`${key}: this key is not known`);
  }
  if ((config.method ?? 'gguf') !== 'gguf')
    throw new Error(`method: only "gguf" can be done here, not ${shown(config.method)}`);
  const inner = config.quantization_config ?? {};
  if (!isObject(inner)) throw new Error(`quantization_config: ${shown(inner)} is not a dictionary`);
  for (const [key, value] of Object.entries(inner)) {
    if (!asksForNothing(value)) throw new Error(`quantization_config.${key}: ${shown(value)} can't be done here`);
  }
}

function levels({ quant_level: level }: Config): GgmlType[] {
  const names = Array.isArray(level) ? level : [level];
  if (names.length === 0) throw new Error('quant_level: names no type');
  return names.map((name) => {
    if (typeof name === 'string' && quantizeTypeNames.includes(name.toUpperCase())) return ggmlType(name);
    throw new Error(`quant_level: ${shown(name)} can't be written here; ${quantizeTypeNames.join(', ')} can`);
  });
}

function text(config: Config, key: string): string {
  const value = config[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(value === undefined ? `${key}: is missing` : `${key}: ${shown(value)} is not a name`);
}

/** The file's name without what says its split and its present type. */
function modelName(input: string): string {
  const name = basename(input).replace(/\.gguf(\?.*)?$/i, '');
  return name.replace(/-\d{5}-of-\d{5}$/, '').replace(/[-._](f32|f16|fp16|bf16)$/i, '');
}

function asksForNothing(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'object' && Object.keys(value!).length === 0);
}

function isObject(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 60);
}
