/** A file for people: what a summary says, then metadata, tensors and memory. Nothing in it can move the cursor. */
import { harmless, quote } from '../../gguf/errors.ts';
import type { Gguf } from '../../gguf/gguf.ts';
import type { MetadataEntry, MetadataValue } from '../../gguf/metadata.ts';
import type { InspectedPlan, Planned } from '../../inspect/plan.ts';
import { describeRope } from '../../inspect/rope.ts';
import type { ModelSummary, TokenizerSummary, TokenSummary, TypeShare } from '../../inspect/summary.ts';
import { formatSize } from '../size.ts';

/** How much of an array a line of text shows. */
const SHOWN_ELEMENTS = 6;
/** Of a chat template. */
const SHOWN_LINES = 6;

type Row = readonly string[];

export function describe(gguf: Gguf, summary: ModelSummary, plan: InspectedPlan, gpuMemoryBytes?: number): string {
  const lines = [
    plain(gguf.sources[0]!.name),
    ...table(describeModel(gguf, summary)),
    '',
    'Metadata',
    ...table(Array.from(gguf.metadata.entries(), ([key, entry]) => [plain(key), shownType(entry), shownValue(entry)])),
    '',
    'Tensors',
    ...table(
      Array.from(gguf.tensors.values(), (tensor) => {
        const { name, type, dimensions, byteLength } = tensor;
        return [plain(name), type.name, `[${dimensions.join(', ')}]`, formatSize(byteLength)];
      }),
    ),
    '',
    'Memory',
    ...table(describePlan(plan, gpuMemoryBytes)),
  ];
  return lines.map(harmless).join('\n');
}

function describeModel(gguf: Gguf, summary: ModelSummary): Row[] {
  const { architecture, name, license, obstacle, contextLength, rope, tokenizer } = summary;
  const files = gguf.sources.length === 1 ? '' : `, ${gguf.sources.length} files`;
  return [
    ...labelled('name', name === undefined ? [] : [plain(name)]),
    ['format', `GGUF ${gguf.version}${files}`],
    ['architecture', plain(architecture ?? 'not stated')],
    ['runs here', obstacle === null ? 'yes' : `no: ${obstacle}`],
    ['parameters', summary.parameterCount.toLocaleString('en')],
    ['types', typeShares(summary.types)],
    ['context', contextLength === undefined ? 'not stated' : `${contextLength.toLocaleString('en')} tokens`],
    ...labelled('RoPE', 'flaw' in rope ? [rope.flaw] : describeRope(rope)),
    ...('flaw' in tokenizer ? [['tokenizer', tokenizer.flaw]] : describeTokenizer(tokenizer)),
    ...labelled('template', describeTemplates(summary.chatTemplates)),
    ['licence', license === undefined ? 'not stated' : plain(license)],
  ];
}

/** `Q8_0 99.9 % (337 tensors), F32 0.1 % (97 tensors)`, by bytes. */
function typeShares(types: readonly TypeShare[]): string {
  const total = types.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const shares = types.map(({ type, tensorCount, byteLength }) => {
    const count = tensorCount === 1 ? '1 tensor' : `${tensorCount} tensors`;
    return `${type} ${((100 * byteLength) / total).toFixed(1)} % (${count})`;
  });
  return shares.join(', ') || 'no tensors';
}

function describeTokenizer({ model, pre, doubt, tokenCount, bos, eos, stops }: TokenizerSummary): Row[] {
  const kind = pre === undefined ? plain(model) : `${plain(model)} (${plain(pre)})`;
  const parts = [kind, `${tokenCount.toLocaleString('en')} tokens`];
  if (bos) parts.push(`BOS ${shownToken(bos)}`);
  if (eos) parts.push(`EOS ${shownToken(eos)}`);
  return [
    ...labelled('tokenizer', doubt === null ? [parts.join(', ')] : [parts.join(', '), doubt]),
    ['stops', stops.map(shownToken).join(', ') || 'none'],
  ];
}

function shownToken({ id, text }: TokenSummary): string {
  return `${id} ${quote(text)}`;
}

/** The default template's first lines, or the first other's; the names of all where there are several. */
function describeTemplates(templates: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(templates);
  const [first] = names;
  if (first === undefined) return ['none'];
  const text = templates.default ?? templates[first]!;
  const lines = text.split(/\r?\n/);
  const shown = lines.slice(0, SHOWN_LINES).map((line) =>
    quote(line)
      .slice(1, -1)
      .replace(/\\(["\\])/g, '$1'),
  );
  if (lines.length > SHOWN_LINES) shown.push(`… ${lines.length} lines`);
  return names.length === 1 ? shown : [`named ${names.map(plain).join(', ')}`, ...shown];
}

function describePlan(plan: InspectedPlan, gpuMemoryBytes: number | undefined): Row[] {
  const each = `${formatSize(plan.kvBytesPerToken)} each in ${plan.kvType}`;
  const kv = `${formatSize(plan.kvBytes)} for ${plan.contextLength} tokens, ${each}`;
  if (!plan.estimated) return describePlanned(plan, kv);
  const over = plan.gpuBytes - (gpuMemoryBytes ?? plan.gpuBytes);
  return [
    ['weights', `${formatSize(plan.weightBytes)}; a pass reads ${formatSize(plan.bytesPerPass)}`],
    ['KV cache', kv],
    ['GPU', `${formatSize(plan.gpuBytes)} at least, if it could run`],
    ...(over > 0 ? [['', `${formatSize(over)} more than the ${formatSize(gpuMemoryBytes as number)} given`]] : []),
  ];
}

function describePlanned(plan: Planned, kv: string): Row[] {
  const { residentLayers, streamedLayers, slotCount, tileBytes, stagingCount, stagingBytes } = plan;
  const layers = residentLayers + streamedLayers;
  const embeddings = plan.hostEmbeddings ? '; rows of the embeddings are read from the file' : '';
  const ring = `${stagingCount} × ${formatSize(stagingBytes)}`;
  return [
    ['weights', `${formatSize(plan.weightBytes)} resident${embeddings}`],
    ['KV cache', kv],
    ['passes', `${plan.chunkLength} tokens of a prompt at once, ${formatSize(plan.activationBytes)} of activations`],
    ...(slotCount > 0 ? [['slots', `${slotCount} × ${formatSize(tileBytes)} at most, for what is streamed`]] : []),
    ['uploads', `${ring} of host memory${slotCount > 0 ? ', and as much on the GPU' : ' while it loads'}`],
    ['GPU', `${formatSize(plan.gpuBytes)}, on a device with no more than WebGPU's least limits`],
    ...(plan.link ? describeStream(plan, layers) : [['', `all ${layers} layers resident`]]),
  ];
}

/** The bound: a pass takes at least as long as reading what it streams. */
function describeStream(plan: Planned, layers: number): Row[] {
  const { bytesPerSecond, readBytes, seconds } = plan.link!;
  const streamed = `${plan.residentLayers} of ${layers} layers resident, ${gigabytes(plan.bytesPerPass)} per pass`;
  const rate = `at ${gigabytes(bytesPerSecond)}/s: ${shownSeconds(plan.secondsPerPass!)} a pass`;
  const found =
    readBytes === 0
      ? 'the rate is assumed: that of an NVMe disk'
      : `the rate is measured: ${gigabytes(readBytes)} of the file in ${seconds.toFixed(2)} s, with what the system had in memory`;
  return [
    ['stream', `${streamed}, ${rate}`],
    ['', found],
  ];
}

/** Rates and what is read at them are in powers of ten, as disks are. */
function gigabytes(bytes: number): string {
  const [scale, unit] = bytes < 1e8 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${(bytes / scale).toFixed(1)} ${unit}`;
}

function shownSeconds(seconds: number): string {
  return seconds < 0.1 ? `${Math.ceil(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
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
  return /^[\p{L}\p{N}\p{M}_.\-+/:@,()?=& ]*$/u.test(name) && name.length <= 200 ? name : quote(name);
}

/** Rows of which only the first has the label. */
function labelled(label: string, lines: readonly string[]): Row[] {
  return lines.map((line, i) => [i === 0 ? label : '', line]);
}

/** Columns of equal width, but the last. */
function table(rows: readonly Row[]): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(i < row.length - 1 ? widths[i]! : 0)).join('  ')}`);
}
