/** What this machine's adapter can do at most: `node bench/rooflines.ts [--json]`. */
import { parseArgs } from 'node:util';
import { measureRooflines, type RooflineResult } from '../src/bench/rooflines/index.ts';
import { adapterName } from '../src/gpu/device.ts';
import { openNodeDevice } from '../src/runtime/node.ts';
import { machineName } from './machine.ts';

/** `copy vectors=256  9.01 GB/s (8.7 to 9.2)`. */
export function describeRoofline({ name, variant, limits, milliseconds, perSecond }: RooflineResult): string {
  const unit = limits === 'memory' ? 'GB/s' : limits === 'packed dot' ? 'GOP/s' : 'GFLOP/s';
  const rate = (time: number) => ((perSecond * milliseconds.median) / time / 1e9).toFixed(2);
  const spread = `${rate(milliseconds.most)} to ${rate(milliseconds.least)}`;
  return `${name.padEnd(22)} ${variant.padEnd(18)} ${rate(milliseconds.median).padStart(9)} ${unit} (${spread})`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { json: { type: 'boolean' } } });
  const device = await openNodeDevice();
  const results = await measureRooflines(device);
  const adapter = adapterName(device.info);
  if (values.json) console.log(JSON.stringify({ adapter, machine: machineName(), rooflines: results }));
  else console.log([`${adapter}, ${machineName()}`, ...results.map(describeRoofline)].join('\n'));
  device.destroy();
}
