import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** `Kernel.order` of what sums by `workgroupSum`: how subgroupAdd does is the driver's business. */
export const workgroupSumOrder = ({ subgroups }: { readonly subgroups: boolean }) => (subgroups ? 'subgroups' : 'tree');

/**
 * `workgroup_sum(value, lane)`: the sum over all `invocations` (a power of two), the same in every one.
 * With `subgroups` the entry point takes `subgroup_size` and `subgroup_invocation_id` and calls
 * `workgroup_sum(value, lane, subgroup_size, subgroup_lane)`.
 */
export const workgroupSum = (invocations: number, subgroups: boolean) => wgsl`
#if ${subgroups}
enable subgroups;

var<workgroup> subgroup_sums: array<f32, ${invocations}>; // one per subgroup, of whatever size

fn workgroup_sum(value: f32, lane: u32, subgroup_size: u32, subgroup_lane: u32) -> f32 {
  let sum = subgroupAdd(value);
  if (subgroup_lane == 0u) { subgroup_sums[lane / subgroup_size] = sum; }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < (${invocations}u + subgroup_size - 1u) / subgroup_size; i++) { total += subgroup_sums[i]; }
  return total;
}
#else
var<workgroup> lane_sums: array<f32, ${invocations}>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  lane_sums[lane] = value;
  for (var half = ${invocations / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { lane_sums[lane] += lane_sums[lane + half]; }
  }
  workgroupBarrier();
  return lane_sums[0];
}
#endif
`;
