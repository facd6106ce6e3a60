/**
 * Times kernels on this machine's adapter, beside what it can do at most, measured in the same run:
 *
 *   node bench/kernels.ts [--kernel NAME] [--case PART]   the bench cases of every kernel, in every variant
 *   node bench/kernels.ts --shape 57M | --model FILE      a decoded token of a model, by share of its time
 *                         [--prompt 512] [--depth 0]      or a prompt's chunk; at a depth
 *
 * [--precision exact] [--json]. Weights are rotated beyond the cache; medians of GPU time.
 */
import { parseArgs } from 'node:util';
import { kernels } from '../kernels/index.ts';
import { benchCase, type KernelBench } from '../src/bench/kernel_bench.ts';
import { alignColumns, formatKernelTable, kernelTable } from '../src/bench/kernel_table.ts';
import { bestOf, measureRooflines } from '../src/bench/rooflines/index.ts';
import { adapterName, type Device } from '../src/gpu/device.ts';
import { Pipelines } from '../src/gpu/pipelines.ts';
import type { LoadOptions } from '../src/index.ts';
import { load, openNodeDevice } from '../src/runtime/node.ts';
import { cachedModel } from './cached_model.ts';
import { machineName } from './machine.ts';
import { describeRoofline } from './rooflines.ts';

const { values } = parseArgs({
  options: {
    kernel: { type: 'string' },
    case: { type: 'string', default: '' },
    shape: { type: 'string' },
    model: { type: 'string' },
    prompt: { type: 'string', default: '1' },
    depth: { type: 'string', default: '0' },
    precision: { type: 'string', default: 'fast' },
    json: { type: 'boolean' },
  },
});

const device = await openNodeDevice();
try {
  await main();
} catch (error) {
  console.error(`kernels: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  device.destroy();
}

async function main(): Promise<void> {
  const rooflines = await measureRooflines(device);
  const memory = bestOf(rooflines, 'memory')!;
  const head = { adapter: adapterName(device.info), machine: machineName(), rooflines };
  const model = values.model ?? (values.shape && (await cachedModel(values.shape)));
  if (!values.json)
    console.log([`${head.adapter}, ${head.machine}`, ...rooflines.map(describeRoofline), ''].join('\n'));
  if (model) {
    const table = kernelTable(await profileModel(model), memory);
    const step = { model, tokens: Number(values.prompt), depth: Number(values.depth) };
    console.log(values.json ? JSON.stringify({ ...head, ...step, kernels: table }) : formatKernelTable(table));
    return;
  }
  const rows = await benchKernels(device);
  console.log(values.json ? JSON.stringify({ ...head, kernels: rows }) : formatRows(rows, memory));
}

async function profileModel(path: string) {
  const precision = values.precision as NonNullable<LoadOptions['precision']>;
  await using llm = await load(path, { device, precision });
  return await llm.profile({ tokens: Number(values.prompt), depth: Number(values.depth), by: 'shape' });
}

async function benchKernels(device: Device): Promise<KernelBench[]> {
  const pipelines = new Pipelines(device);
  const rows: KernelBench[] = [];
  for (const kernel of kernels) {
    if (values.kernel !== undefined && values.kernel !== kernel.name) continue;
    for (const each of kernel.checks().benches) {
      if (each.id.includes(values.case)) rows.push(...(await benchCase(device, pipelines, kernel, each)));
    }
  }
  return rows;
}

function formatRows(rows: readonly KernelBench[], memory: number): string {
  const cells = rows.map(({ milliseconds: { median, least, most }, bytesPerSecond, flopsPerSecond, ...row }) => [
    median.toFixed(3),
    `${least.toFixed(3)} to ${most.toFixed(3)}`,
    (bytesPerSecond / 1e9).toFixed(2),
    (bytesPerSecond / memory).toFixed(2),
    (flopsPerSecond / 1e9).toFixed(1),
    row.kernel,
    row.variant,
    row.case,
  ]);
  return alignColumns([['ms', 'spread', 'GB/s', 'of memory', 'GFLOP/s', 'kernel', 'variant', 'case'], ...cells], 5);
}
