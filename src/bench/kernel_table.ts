/** A profiled step as a table: who takes its time, and how near each is to what the device could do. */
import { kernels } from '../../kernels/index.ts';
import type { Cost } from '../gpu/kernel.ts';
import { describe } from '../gpu/pipelines.ts';
import type { KernelTime, Work } from '../index.ts';

export interface KernelRow {
  /** Kernel and variant. */
  readonly label: string;
  /** What is computed, in a few words. */
  readonly shape: string;
  /** In the step. */
  readonly dispatches: number;
  /** Of GPU time in the step, all dispatches together. */
  readonly milliseconds: number;
  /** Of the time of all kernels. */
  readonly share: number;
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
  /** Of the memory roofline. */
  readonly memoryFraction: number;
}

/** The greatest share first. */
export function kernelTable(times: readonly KernelTime[], memoryBandwidth: number): KernelRow[] {
  const whole = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return times.map(({ label, milliseconds, works }) => {
    const costs = works.map(costOf);
    const perSecond = (what: keyof Cost) => costs.reduce((sum, cost) => sum + cost[what], 0) / (milliseconds / 1000);
    const bytesPerSecond = perSecond('bytes');
    return {
      label,
      shape: describe(works[0]?.shape ?? {}),
      dispatches: works.length,
      milliseconds,
      share: milliseconds / whole,
      bytesPerSecond,
      flopsPerSecond: perSecond('flops'),
      memoryFraction: bytesPerSecond / memoryBandwidth,
    };
  });
}

const costs = new Map<string, (shape: object, count: number) => Cost>();

/** By the kernel's own reckoning. */
function costOf({ kernel, shape, count }: Work): Cost {
  const cost = costs.get(kernel) ?? kernels.find(({ name }) => name === kernel)?.checks().cost;
  if (!cost) return { bytes: 0, flops: 0 };
  costs.set(kernel, cost);
  return cost(shape, count);
}

/** Columns of equal width. */
export function formatKernelTable(rows: readonly KernelRow[]): string {
  const cells = rows.map((row) => [
    `${(100 * row.share).toFixed(1)} %`,
    row.milliseconds.toFixed(3),
    String(row.dispatches),
    (row.bytesPerSecond / 1e9).toFixed(2),
    row.memoryFraction.toFixed(2),
    (row.flopsPerSecond / 1e9).toFixed(1),
    row.label,
    row.shape,
  ]);
  return alignColumns([['share', 'ms', 'n', 'GB/s', 'of memory', 'GFLOP/s', 'kernel', 'shape'], ...cells], 6);
}

/** Rows of text with columns as wide as their widest cell; the first `numbers` of them are set to the right. */
export function alignColumns(rows: readonly (readonly string[])[], numbers = 0): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i < numbers ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
