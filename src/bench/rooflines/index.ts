/** What a device can do at most, measured by the program that compares itself with it. */
import { createBuffer } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { Pipelines } from '../../gpu/pipelines.ts';
import { bind } from '../../gpu/plan.ts';
import { variantName } from '../../gpu/variants.ts';
import { type MeasureOptions, measure } from '../measure.ts';
import type { Spread } from '../statistics.ts';
import { copy } from './copy.ts';
import { f32_fma } from './f32_fma.ts';
import { matrix } from './matrix.ts';
import { packed_dot } from './packed_dot.ts';
import { read_reduce } from './read_reduce.ts';
import type { AnyRoofline, ArithmeticShape } from './roofline.ts';

/** A roofline a line. */
export const rooflines: readonly AnyRoofline[] = [copy, read_reduce, packed_dot, f32_fma, matrix];

export type Limit = AnyRoofline['limits'];

export interface RooflineResult {
  readonly name: string;
  readonly variant: string;
  readonly limits: Limit;
  /** Milliseconds of a dispatch. */
  readonly milliseconds: Spread;
  /** Bytes (read and written) or operations a second, by the median. */
  readonly perSecond: number;
}

export interface RooflineOptions extends MeasureOptions {
  /** Which; default all. */
  limits?: readonly Limit[];
  /** Bytes of each buffer of the memory rooflines, at most. Default 128 MiB, which every device binds. */
  byteLength?: number;
}

/** Pairs of buffers that memory is measured on, in turns: together beyond every cache. */
const rotatedPairs = 2;
const leastInvocations = 2 ** 12;
const mostInvocations = 2 ** 20;
const steps = 2 ** 10;
/** Milliseconds of a dispatch that keeps every core busy long enough to tell. */
const longDispatch = 10;

/** Measures each roofline in each variant that the device can run. */
export async function measureRooflines(device: Device, options: RooflineOptions = {}): Promise<RooflineResult[]> {
  const pipelines = new Pipelines(device);
  const most = Math.min(options.byteLength ?? 2 ** 27, device.limits.maxStorageBufferBindingSize);
  const byteLength = 2 ** Math.floor(Math.log2(most));
  const results: RooflineResult[] = [];
  for (const roofline of rooflines) {
    if (options.limits && !options.limits.includes(roofline.limits)) continue;
    const isMemory = roofline.limits === 'memory';
    for (const variant of roofline.variants({}, device.features)) {
      const time = (shape: object, pairs: number) =>
        timeRoofline(device, pipelines, roofline, shape, variant, pairs, options);
      results.push(await (isMemory ? time({ byteLength }, rotatedPairs) : fastest((shape) => time(shape, 1))));
    }
  }
  return results;
}

/** More and more invocations, until the device is full: the best rate of all. */
async function fastest(time: (shape: ArithmeticShape) => Promise<RooflineResult>): Promise<RooflineResult> {
  let best: RooflineResult | undefined;
  for (let invocations = leastInvocations; invocations <= mostInvocations; invocations *= 4) {
    const result = await time({ invocations, steps });
    if (!best || result.perSecond > best.perSecond) best = result;
    if (result.milliseconds.median > longDispatch) break;
  }
  return best as RooflineResult;
}

async function timeRoofline(
  device: Device,
  pipelines: Pipelines,
  roofline: AnyRoofline,
  shape: object,
  variant: object,
  pairs: number,
  options: MeasureOptions,
): Promise<RooflineResult> {
  const { name, limits } = roofline;
  const compiled = await pipelines.compile(roofline, shape, variant);
  const buffers: GPUBuffer[] = [];
  try {
    const dispatches = [];
    for (let pair = 0; pair < pairs; pair++) {
      const bound: Record<string, { buffer: GPUBuffer }> = {};
      for (const [label, size] of Object.entries(roofline.buffers(shape, variant))) {
        const buffer = await createBuffer(device, label, size);
        buffers.push(buffer);
        bound[label] = { buffer };
      }
      const bindGroup = await bind(device, compiled, bound);
      dispatches.push({ ...compiled, bindGroup, workgroups: roofline.workgroups(shape, variant, 1) });
    }
    const milliseconds = await measure(device, dispatches, options);
    const perSecond = (1000 * roofline.work(shape, variant)) / milliseconds.median;
    return { name, variant: variantName(variant), limits, milliseconds, perSecond };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

/** The best that was measured of one kind, a second; undefined where none was. */
export function bestOf(results: readonly RooflineResult[], limits: Limit, name?: string): number | undefined {
  const rates = results.filter((each) => each.limits === limits && (!name || each.name === name));
  return rates.length > 0 ? Math.max(...rates.map(({ perSecond }) => perSecond)) : undefined;
}
