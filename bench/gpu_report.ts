/** What gpu.ts has measured, as Markdown for bench/README.md. */
import type { KernelRow } from '../src/bench/kernel_table.ts';
import { bestOf, type Limit, type RooflineResult } from '../src/bench/rooflines/index.ts';
import type { GpuReport, StepProfile } from './gpu.ts';
import { type Target, targets } from './gpu_targets.ts';
import { describeRoofline } from './rooflines.ts';

/** A figure beside what is aimed at. */
type Row = readonly [what: string, measured: string, fraction: string, first: string, ahead: string];

export function formatGpuReport(report: GpuReport): string {
  const { machine, adapter, shape, suite, rooflines, notes } = report;
  const failed = suite?.failed.map(
    (each) => `- ${each.name} ${each.variant}, ${each.case}: ${each.error.split('\n')[0]}`,
  );
  const parts = [
    `## ${adapter}, ${shape}`,
    `${machine}; ${new Date().toISOString().slice(0, 10)}.`,
    suite && `Kernel suite: ${suite.cases - suite.failed.length} of ${suite.cases} cases right.`,
    failed && failed.length > 0 && failed.join('\n'),
    rooflines && `\`\`\`\n${rooflines.map(describeRoofline).join('\n')}\n\`\`\``,
    table(['', 'measured', 'fraction', 'first aim', 'ahead of peers'], targetRows(report)),
    ...report.peers.map(({ model, comparisons }) =>
      table(
        [`beside llama.cpp's Vulkan backend: ${model}`, 'webgguf, tok/s', 'llama.cpp, tok/s', 'ratio', 'least to most'],
        comparisons.map(({ test, ours, theirs, ratio }) => [
          test,
          ours.median.toPrecision(4),
          theirs.median.toPrecision(4),
          `**${ratio.median.toFixed(2)}**`,
          `${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)}`,
        ]),
      ),
    ),
    notes.length > 0 && notes.map((note) => `- ${note}`).join('\n'),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function targetRows(report: GpuReport): Row[] {
  const { rooflines = [], profiles, speeds, load } = report;
  const memory = bestOf(rooflines, 'memory') ?? Number.NaN;
  const one = profiles.find(({ tokens, depth }) => tokens === 1 && depth === 0);
  const eight = profiles.find(({ tokens }) => tokens === 8);
  const deep = profiles.find(({ tokens, depth }) => tokens === 1 && depth > 0);
  const decode = Object.entries(speeds).find(([name]) => /^tg\d+$/.test(name));
  const rows: Row[] = [];

  for (const kernel of matvecs(one)) {
    const isLarge = kernel.bytesPerSecond * (kernel.milliseconds / 1000 / kernel.dispatches) > 150e6;
    const target = targets[isLarge ? 'gate and up, head' : 'O, QKV, down'];
    rows.push(row(`matvec ${kernel.shape}`, gigabytes(kernel.bytesPerSecond), kernel.memoryFraction, target));
  }
  if (decode && load) {
    const [name, tokensPerSecond] = decode;
    const fraction = (load.weightBytesPerToken * tokensPerSecond) / memory;
    rows.push(
      row(`decode, whole (${name})`, `${tokensPerSecond.toFixed(1)} tok/s`, fraction, targets['decode, whole']),
    );
  }
  if (one && eight) {
    const times = eight.milliseconds / one.milliseconds;
    rows.push(row('eight columns, times one', `${eight.milliseconds.toFixed(2)} ms`, times, targets['eight columns']));
  }
  if (deep && load) {
    const attention = deep.kernels.filter(({ label }) => label.startsWith('flash_attn'));
    const seconds = attention.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    const rate = (load.kvBytesPerPosition * deep.depth) / seconds;
    rows.push(row(`attention at depth ${deep.depth}`, gigabytes(rate), rate / memory, targets.attention));
  }
  for (const each of report.families ?? []) {
    const family = each.variant.includes('matrix') ? 'f16 matrix' : each.activation === 'q8' ? 'packed dot' : 'f32';
    const what = `${each.variant}: ${each.case}`;
    rows.push(matmulRow(what, each.flopsPerSecond, family, rooflines));
  }
  for (const profile of profiles.filter(({ tokens }) => tokens > 8)) rows.push(...prefillRows(profile, report));
  for (const [name, tokensPerSecond] of Object.entries(speeds)) {
    if (name === decode?.[0] || !load) continue;
    const teraflops = (tokensPerSecond * 2 * load.weightBytesPerToken * (32 / 34)) / 1e12;
    const done = name.startsWith('pp') ? `, ${teraflops.toPrecision(3)} TFLOP/s` : '';
    rows.push([name, `${tokensPerSecond.toFixed(1)} tok/s${done}`, '', '', '']);
  }
  if (report.encodeMilliseconds !== undefined) {
    const { first, ahead } = targets.encode;
    const dispatches = `${report.dispatchesPerToken} dispatches`;
    rows.push([`encoding a token, ${dispatches}`, ms(report.encodeMilliseconds), '', `≤ ${first} ms`, `≤ ${ahead} ms`]);
  }
  if (decode && one && report.dispatchesPerToken) {
    const microseconds = (1000 * (1000 / decode[1] - one.milliseconds)) / report.dispatchesPerToken;
    rows.push(['between two dispatches', `${microseconds.toFixed(1)} µs`, '', '', `≤ ${targets.bubble.ahead} µs`]);
  }
  if (load) {
    const rate = gigabytes((1000 * load.bytes) / load.milliseconds);
    rows.push(['loading, bytes made on the host', `${(load.milliseconds / 1000).toFixed(1)} s, ${rate}`, '', '', '']);
  }
  return rows;
}

const matvecs = (profile: StepProfile | undefined): readonly KernelRow[] =>
  profile?.kernels.filter(({ label }) => label.startsWith('mul_mat_vec')) ?? [];

/** Each matmul of a prompt, beside the arithmetic that its family runs on. */
function prefillRows({ tokens, kernels }: StepProfile, { rooflines = [] }: GpuReport): Row[] {
  return kernels
    .filter(({ label }) => /^mul_mat(?!_vec)/.test(label))
    .map((kernel) => {
      const family = familyOf(kernel);
      return matmulRow(`${tokens} tokens, ${family}: ${kernel.shape}`, kernel.flopsPerSecond, family, rooflines);
    });
}

function matmulRow(what: string, flopsPerSecond: number, family: Family, rooflines: readonly RooflineResult[]): Row {
  const roof = bestOf(rooflines, family) ?? Number.NaN;
  return row(what, `${(flopsPerSecond / 1e12).toPrecision(3)} TFLOP/s`, flopsPerSecond / roof, targets[family]);
}

type Family = Exclude<Limit, 'memory'>;

function familyOf({ label, shape }: KernelRow): Family {
  if (label.includes('matrix')) return 'f16 matrix';
  return shape.includes('activation=q8') ? 'packed dot' : 'f32';
}

function row(what: string, measured: string, fraction: number, { first, ahead }: Target): Row {
  const sign = first > 1 ? '≤' : '≥';
  return [what, measured, `**${fraction.toFixed(2)}**`, `${sign} ${first}`, `${sign} ${ahead}`];
}

const gigabytes = (bytesPerSecond: number) => `${(bytesPerSecond / 1e9).toPrecision(4)} GB/s`;
const ms = (milliseconds: number) => `${milliseconds.toFixed(2)} ms`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string | undefined {
  if (rows.length === 0) return undefined;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
