/** `inspect MODEL`: metadata, tensors and memory plan of a file, from its header alone; needs no GPU. */
import { parseArgs } from 'node:util';
import { GgufError, quote } from '../gguf/errors.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { type MemoryPlan, planMemory } from '../gguf/memory_plan.ts';
import type { MetadataEntry, MetadataValue } from '../gguf/metadata.ts';
import { closeGguf } from '../gguf/open.ts';
import { openModel } from '../runtime/node_file.ts';
import { formatSize, parseSize } from './size.ts';

const usage = 'usage: inspect MODEL [--gpu-memory SIZE] [--context N] [--json]';

/** How much of an array a line of text shows. */
const SHOWN_ELEMENTS = 6;

interface InspectOptions {
  readonly model: string;
  readonly json: boolean;
  readonly gpuMemoryBytes?: number;
  readonly contextLength?: number;
}

/** Exit code: 0 done, 1 failed, 2 usage. */
export async function run(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (typeof options === 'string') {
    console.error(`${options}; ${usage}`);
    return 2;
  }
  try {
    const gguf = await openModel(options.model, { onWarning: (text) => console.error(text) });
    const plan = planMemory(gguf, options);
    await write(options.json ? describeAsJson(gguf, plan) : describe(gguf, plan, options.gpuMemoryBytes));
    await closeGguf(gguf);
    return 0;
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    console.error(error.message);
    return 1;
  }
}

/** The options, or what is wrong with them. */
function parseOptions(args: string[]): InspectOptions | string {
  const options = { 'gpu-memory': { type: 'string' }, context: { type: 'string' }, json: { type: 'boolean' } } as const;
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [model, ...more] = positionals;
    if (model === undefined || more.length > 0) return 'inspect takes one MODEL';
    const gpuMemoryBytes = parseSize(values['gpu-memory'] ?? '0');
    if (gpuMemoryBytes === undefined) return '--gpu-memory takes a size such as 8GiB or 500MB';
    const contextLength = Number(values.context ?? 0);
    if (!Number.isSafeInteger(contextLength) || contextLength < 0) return '--context takes a number of tokens';
    return {
      model,
      json: values.json ?? false,
      ...(values['gpu-memory'] && { gpuMemoryBytes }),
      ...(values.context && { contextLength }),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

/** Resolves when a pipe has taken all of it: the process may end right after. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

function describeAsJson(gguf: Gguf, plan: MemoryPlan): string {
  const metadata = Object.fromEntries(Array.from(gguf.metadata.entries(), ([key, { value }]) => [key, value]));
  const tensors = Array.from(gguf.tensors.values(), ({ name, type, dimensions, offset, byteLength, source }) => {
    return { name, type: type.name, dimensions, offset, byteLength, file: source.name };
  });
  return JSON.stringify({ metadata, tensors, plan }, (_, value) => jsonValue(value));
}

/** JSON has neither typed arrays nor integers beyond 2^53: these become arrays and strings. */
function jsonValue(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number | bigint>);
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function describe(gguf: Gguf, plan: MemoryPlan, gpuMemoryBytes: number | undefined): string {
  const tensors = [...gguf.tensors.values()];
  return [
    ...describeModel(gguf, tensors),
    '',
    'Metadata',
    ...table(Array.from(gguf.metadata.entries(), ([key, entry]) => [plain(key), shownType(entry), shownValue(entry)])),
    '',
    'Tensors',
    ...table(
      tensors.map((t) => [plain(t.name), t.type.name, `[${t.dimensions.join(', ')}]`, formatSize(t.byteLength)]),
    ),
    '',
    'Memory',
    ...table(describePlan(plan, gpuMemoryBytes)),
  ].join('\n');
}

function describeModel(gguf: Gguf, tensors: readonly TensorInfo[]): string[] {
  const parameters = tensors.reduce((sum, tensor) => sum + elementCount(tensor), 0);
  const files = gguf.sources.length === 1 ? '' : `, ${gguf.sources.length} files`;
  return [
    gguf.sources[0]!.name,
    ...table([
      ['format', `GGUF ${gguf.version}${files}`],
      ['architecture', plain(String(gguf.metadata.get('general.architecture') ?? 'not stated'))],
      ['parameters', parameters.toLocaleString('en')],
      ['types', typeShares(tensors)],
    ]),
  ];
}

function elementCount({ dimensions }: TensorInfo): number {
  return dimensions.reduce((product, length) => product * length, 1);
}

/** `Q8_0 99.9 % (337 tensors), F32 0.1 % (97 tensors)`, by bytes. */
function typeShares(tensors: readonly TensorInfo[]): string {
  const total = tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const byType = Object.entries(Object.groupBy(tensors, (tensor) => tensor.type.name));
  const shares = byType.map(([name, group = []]) => {
    const bytes = group.reduce((sum, tensor) => sum + tensor.byteLength, 0);
    return { bytes, text: `${name} ${((100 * bytes) / total).toFixed(1)} % (${group.length} tensors)` };
  });
  const sorted = shares.sort((a, b) => b.bytes - a.bytes).map(({ text }) => text);
  return sorted.join(', ') || 'no tensors';
}

function describePlan(plan: MemoryPlan, gpuMemoryBytes: number | undefined): string[][] {
  const kvBytes = plan.kvBytesPerToken * plan.contextLength;
  const rows = [
    ['weights', `${formatSize(plan.weightBytes)}; a pass reads ${formatSize(plan.bytesPerPass)}`],
    [
      'KV cache',
      `${formatSize(kvBytes)} for ${plan.contextLength} tokens, ${formatSize(plan.kvBytesPerToken)} each in f16`,
    ],
    ['GPU', `${formatSize(plan.gpuBytes)}; ${plan.residentLayers} layers resident, ${plan.streamedLayers} streamed`],
  ];
  if (gpuMemoryBytes !== undefined && plan.gpuBytes > gpuMemoryBytes) {
    rows.push(['', `${formatSize(plan.gpuBytes - gpuMemoryBytes)} more than the ${formatSize(gpuMemoryBytes)} given`]);
  }
  return rows;
}

function shownType({ type, value }: MetadataEntry): string {
  return type.startsWith('array') ? `${type} ${(value as ArrayLike<unknown>).length}` : type;
}

function shownValue({ type, value }: MetadataEntry): string {
  const isFloat32 = type === 'float32' || type === 'array<float32>';
  return shown(value, isFloat32);
}

function shown(value: MetadataValue, isFloat32: boolean): string {
  if (typeof value === 'string') return quote(value);
  // 1e-5 as a float32 is 0.000009999999747378752: its seven digits say what was meant.
  if (typeof value === 'number') return String(isFloat32 ? Number(value.toPrecision(7)) : value);
  if (typeof value !== 'object') return String(value);
  const elements = Array.prototype.slice.call(value, 0, SHOWN_ELEMENTS).map((element) => shown(element, isFloat32));
  if (value.length > SHOWN_ELEMENTS) elements.push('…');
  return `[${elements.join(', ')}]`;
}

/** A name as it is where it is harmless, quoted where it could move the cursor. */
function plain(name: string): string {
  return /^[\w.\-+/:@ ]*$/.test(name) ? name : quote(name);
}

/** Columns of equal width, but the last. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(i < row.length - 1 ? widths[i]! : 0)).join('  ')}`);
}
