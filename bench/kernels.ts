/**
 * Times the bench shapes of every kernel on this machine's adapter: `node bench/kernels.ts [--kernel NAME]`.
 * Medians of GPU time by timestamps; GB/s and GFLOP/s follow from each kernel's own `cost`.
 */
import { parseArgs } from 'node:util';
import { kernels } from '../kernels/index.ts';
import { prepareTrial } from '../src/gpu/check.ts';
import { adapterName } from '../src/gpu/device.ts';
import { describe, Pipelines } from '../src/gpu/pipelines.ts';
import { timeDispatches } from '../src/gpu/timing.ts';
import { openNodeDevice } from '../src/runtime/node.ts';

const { values } = parseArgs({ options: { kernel: { type: 'string' } } });
const runs = 7;
const repetitions = 20;

const device = await openNodeDevice();
console.log(adapterName(device.info));
const pipelines = new Pipelines(device);
for (const kernel of kernels) {
  if (values.kernel !== undefined && values.kernel !== kernel.name) continue;
  const { benches, cost } = kernel.checks();
  for (const { id, shape, trial } of benches) {
    for (const variant of kernel.variants(shape, device.features)) {
      const made = trial();
      const prepared = await prepareTrial(device, pipelines, kernel, shape, variant, made);
      await timeDispatches(device, [prepared], 2); // drivers compile at the first dispatch
      const times: number[] = [];
      for (let run = 0; run < runs; run++) times.push(...(await timeDispatches(device, [prepared], repetitions)));
      prepared.destroy();
      const milliseconds = times.sort((a, b) => a - b)[Math.floor(runs / 2)] as number;
      const { bytes, flops } = cost(shape, made.count);
      const rates = `${(bytes / milliseconds / 1e6).toFixed(2)} GB/s  ${(flops / milliseconds / 1e6).toFixed(2)} GFLOP/s`;
      console.log(`${kernel.name}  ${id}  [${describe(variant) || 'base'}]  ${milliseconds.toFixed(3)} ms  ${rates}`);
    }
  }
}
device.destroy();
