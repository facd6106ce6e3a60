import type { Device } from '../gpu/device.ts';
import { type TimedDispatch, timeAnywhere } from '../gpu/timing.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface MeasureOptions {
  /** Passes that are timed. Default 7. */
  passes?: number;
  /** Milliseconds that a pass should take: browsers' clocks are coarse, and a single dispatch is mostly its beginning. Default 20. */
  passMilliseconds?: number;
}

/** Dispatches of one pass, at most: watchdogs end long submits. */
const maxDispatches = 2000;

/**
 * Milliseconds that one of `dispatches` takes, on average over all of them in turns: give several on different buffers, that
 * together outgrow the caches. Two passes warm up: drivers compile at the first dispatch, and clocks rise.
 */
export async function measure(
  device: Device,
  dispatches: readonly TimedDispatch[],
  { passes = 7, passMilliseconds = 20 }: MeasureOptions = {},
): Promise<Spread> {
  const time = async (repetitions: number) => {
    const pass = Array.from({ length: repetitions }, () => dispatches).flat();
    const [whole = 0] = await timeAnywhere(device, [pass]);
    return whole / repetitions;
  };
  await time(1);
  const wanted = Math.ceil(passMilliseconds / Math.max(await time(1), 0.001));
  const repetitions = Math.max(1, Math.min(wanted, Math.floor(maxDispatches / dispatches.length)));
  const times: number[] = [];
  for (let pass = 0; pass < passes; pass++) times.push((await time(repetitions)) / dispatches.length);
  return spreadOf(times);
}
