/** Where the GPU's time of a recorded step goes. */
import type { Device } from './device.ts';
import { GpuError } from './errors.ts';
import type { Dispatch, Plan, Work } from './plan.ts';
import { timePasses } from './timing.ts';

/** What dispatches are put together: all of a kernel's variant, or those of them that compute the same shape. */
export type ProfiledBy = 'kernel' | 'shape';

/** All dispatches of one kernel in a step, or of one shape. */
export interface KernelTime {
  /** The kernel's name and its variant. */
  readonly label: string;
  /** Of GPU time in the step, all dispatches together. */
  readonly milliseconds: number;
  /** What each dispatch computes. */
  readonly works: readonly Work[];
}

/** Clocks are coarse: passes are repeated until they take so long, in milliseconds. */
const leastMilliseconds = 20;
const mostRepetitions = 200;

/**
 * Times a plan's dispatches for a step of `counts`, those put together in a pass of their own, out of their order: they compute
 * on whatever their buffers hold. Needs `timestamp-query`. The greatest share first.
 */
export async function profilePlan<Counts>(
  device: Device,
  { segments }: Plan<Counts>,
  counts: Counts,
  by: ProfiledBy,
): Promise<KernelTime[]> {
  if (!device.features.timestamps) throw new GpuError('this device has no timestamp-query');
  const dispatches = segments.flatMap((segment) => segment.dispatches).filter(({ workgroups }) => workgroups(counts));
  const groups = Map.groupBy(dispatches, ({ label, work }) =>
    by === 'kernel' ? label : JSON.stringify([label, work(counts).shape]),
  );
  const times: KernelTime[] = [];
  for (const all of groups.values()) {
    const { label } = all[0] as Dispatch<Counts>;
    const milliseconds = await timeKernel(device, all, counts);
    times.push({ label, milliseconds, works: all.map(({ work }) => work(counts)) });
  }
  return times.sort((a, b) => b.milliseconds - a.milliseconds);
}

async function timeKernel<Counts>(
  device: Device,
  dispatches: readonly Dispatch<Counts>[],
  counts: Counts,
): Promise<number> {
  const fixed = dispatches.map(({ workgroups, ...dispatch }) => ({ ...dispatch, workgroups: workgroups(counts)! }));
  const once = await timePasses(device, [fixed], 1);
  const repetitions = Math.min(mostRepetitions, Math.ceil(leastMilliseconds / Math.max(once[0]!, 0.01)));
  return repetitions === 1 ? once[0]! : (await timePasses(device, [fixed], repetitions))[0]!;
}
