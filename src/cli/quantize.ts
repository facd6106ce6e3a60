import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { GgufError, quote } from '../gguf/errors.ts';
import { type GgmlType, ggmlType } from '../gguf/ggml_types.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { closeGguf, splitFileName } from '../gguf/open.ts';
import { type PlannedTensor, planQuantize, type QuantizePlan, quantizeTypeNames } from '../gguf/quantize_plan.ts';
import { type FilePart, fileParts, groupBySize } from '../gguf/split_plan.ts';
import { openModel } from '../runtime/node_file.ts';
import { print, runCommand, UsageError } from './command.ts';
import { formatSeconds, Progress } from './progress.ts';
import { type QuantizeJob, readQuantizeConfig } from './quantize/config_file.ts';
import { type QuantizedFile, writeQuantized } from './quantize/write_quantized.ts';
import { formatSize, parseSize } from './size.ts';

const usage = `usage: webgguf quantize IN OUT --type q8_0|f16|bf16|f32 [options]
       webgguf quantize CONFIG.yaml [options]

Writes a model's matrices in another type, as llama-quantize does. IN is a path, an https URL, hf:OWNER/REPO/FILE.gguf
or the first file of a split; OUT appears when it is complete. CONFIG.yaml has quantool's keys: model_id, method,
quant_level, quantization_config, output_path.

  --keep-split           several files, divided as IN is: OUT-00001-of-0000N.gguf
  --split-max-size SIZE  several files of at most SIZE (8GiB, 500MB)
  --quiet                no progress`;

/** Names of tensors that the summary lists. */
const LISTED_TENSORS = 5;

interface QuantizeOptions {
  readonly keepSplit: boolean;
  readonly splitMaxBytes: number | undefined;
  readonly quiet: boolean;
}

export function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { jobs, options } = await parseCommand(args);
    for (const job of jobs) await quantizeModel(job, options, signal);
  });
}

async function parseCommand(args: string[]): Promise<{ jobs: QuantizeJob[]; options: QuantizeOptions }> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      type: { type: 'string' },
      'keep-split': { type: 'boolean' },
      'split-max-size': { type: 'string' },
      quiet: { type: 'boolean' },
    },
  });
  const size = values['split-max-size'];
  const splitMaxBytes = size === undefined ? undefined : parseSize(size);
  if (size !== undefined && !splitMaxBytes) throw new UsageError('--split-max-size takes a size such as 8GiB or 500MB');
  const options = { keepSplit: values['keep-split'] ?? false, splitMaxBytes, quiet: values.quiet ?? false };
  if (options.keepSplit && splitMaxBytes) throw new UsageError('--keep-split and --split-max-size exclude each other');

  const [input, output, ...more] = positionals;
  if (input !== undefined && output === undefined && values.type === undefined && /\.ya?ml$/i.test(input)) {
    const jobs = await readQuantizeConfig(input);
    for (const job of jobs) await mkdir(dirname(job.output), { recursive: true });
    return { jobs, options };
  }
  if (input === undefined || output === undefined || more.length > 0)
    throw new UsageError('name IN and OUT, or a YAML file');
  return { jobs: [{ input, output, type: parseType(values.type) }], options };
}

function parseType(name: string | undefined): GgmlType {
  if (name !== undefined && quantizeTypeNames.includes(name.toUpperCase())) return ggmlType(name);
  const given = name === undefined ? 'name the type' : `type ${quote(name)} can't be written`;
  throw new UsageError(`${given}: --type q8_0, f16, bf16 or f32`);
}

async function quantizeModel(
  { input, output, type }: QuantizeJob,
  options: QuantizeOptions,
  signal?: AbortSignal,
): Promise<void> {
  const onWarning = (text: string) => console.error(`warning: ${text}`);
  const gguf = await openModel(input, { onWarning, ...(signal && { signal }) });
  try {
    const plan = planQuantize(gguf, type);
    const files = outputFiles(output, divide(gguf, plan, options));
    await requireOthers(gguf, files);
    const progress = new Progress('quantizing', sumBytes(gguf.tensors.values()));
    const onProgress = (doneBytes: number) => {
      if (!options.quiet) progress.update(doneBytes);
    };
    const outputBytes = await writeQuantized(gguf, files, onProgress, signal).finally(() => progress.end());
    const share = outputBytes / sumBytes(gguf.sources);
    const size = `${formatSize(outputBytes)}, ${(100 * share).toFixed(1)} % of what it was`;
    console.error([summary(plan), size, formatSeconds(progress.seconds)].join('; '));
    if (plan.unevenTensors.length > 0) console.error(describeUneven(plan.unevenTensors, type));
    await print(files.map(({ path }) => `${path}\n`).join(''));
  } finally {
    await closeGguf(gguf);
  }
}

function divide(gguf: Gguf, { metadata, tensors }: QuantizePlan, options: QuantizeOptions): FilePart<PlannedTensor>[] {
  const { keepSplit, splitMaxBytes } = options;
  if (splitMaxBytes !== undefined) return fileParts(metadata, groupBySize(metadata, tensors, splitMaxBytes));
  if (!keepSplit) return fileParts(metadata, [tensors]);
  const bySource = gguf.sources.map((file) => {
    return tensors.filter(({ source }) => source.source === file).sort((a, b) => a.source.offset - b.source.offset);
  });
  return fileParts(metadata, bySource);
}

function outputFiles(output: string, parts: readonly FilePart<PlannedTensor>[]): QuantizedFile[] {
  const prefix = output.replace(/\.gguf$/i, '').replace(/-\d{5}-of-\d{5}$/, '');
  return parts.map((part, i) => {
    return { path: parts.length === 1 ? output : splitFileName(prefix, i, parts.length), part };
  });
}

/** Refuses to write over what is read, and over folders and devices, before the work begins. */
async function requireOthers(gguf: Gguf, files: readonly QuantizedFile[]): Promise<void> {
  const statOf = (path: string) => stat(path).catch(() => undefined);
  const inputs = await Promise.all(gguf.sources.map(({ name }) => statOf(name)));
  for (const { path } of files) {
    const existing = await statOf(path);
    if (existing?.isDirectory()) throw new GgufError(path, 'is a folder; name the file to write');
    if (existing && !existing.isFile()) throw new GgufError(path, 'is no regular file');
    if (existing && inputs.some((file) => file?.ino === existing.ino && file.dev === existing.dev)) {
      throw new GgufError(path, 'is the model that is read; name another file to write');
    }
  }
}

function sumBytes(parts: Iterable<{ readonly byteLength: number }>): number {
  return Array.from(parts).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** `34 tensors F16 to Q8_0, 14 kept`. */
function summary({ tensors }: QuantizePlan): string {
  const changed = tensors.filter(({ source, type }) => source.type !== type);
  const byTypes = Object.groupBy(changed, ({ source, type }) => `${source.type.name} to ${type.name}`);
  const counts = Object.entries(byTypes).map(([types, group = []]) => `${group.length} tensors ${types}`);
  return [...counts, `${tensors.length - changed.length} kept`].join(', ');
}

function describeUneven(tensors: readonly TensorInfo[], { name, blockLength }: GgmlType): string {
  const shown = tensors.slice(0, LISTED_TENSORS).map((tensor) => `${quote(tensor.name)} ${tensor.type.name}`);
  const more = tensors.length - shown.length;
  const list = shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
  return `kept, because their rows are not whole blocks of ${name}'s ${blockLength}: ${list}`;
}
