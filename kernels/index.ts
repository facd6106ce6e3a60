import type { CheckedKernel, Checks, Kernel } from '../src/gpu/kernel.ts';
import { add, addChecks } from './add.ts';
import { flash_attn, flashAttnChecks } from './flash_attn.ts';
import { flash_attn_merge, flashAttnMergeChecks } from './flash_attn_merge.ts';
import { get_rows, getRowsChecks } from './get_rows.ts';
import { kv_write, kvWriteChecks } from './kv_write.ts';
import { log_softmax, logSoftmaxChecks } from './log_softmax.ts';
import { mul_mat, mulMatChecks } from './mul_mat.ts';
import { mul_mat_vec, mulMatVecChecks } from './mul_mat_vec.ts';
import { quantize_q8, quantizeQ8Checks } from './quantize_q8.ts';
import { repack, repackChecks } from './repack.ts';
import { rms_norm, rmsNormChecks } from './rms_norm.ts';
import { rope, ropeChecks } from './rope.ts';
import { sample_adjust, sampleAdjustChecks } from './sample_adjust.ts';
import { sample_draw, sampleDrawChecks } from './sample_draw.ts';
import { sample_filter, sampleFilterChecks } from './sample_filter.ts';
import { sample_pick, samplePickChecks } from './sample_pick.ts';
import { swiglu, swigluChecks } from './swiglu.ts';

/**
 * Every kernel with its checks, in the order of a step. Tests, benches and `doctor` go through this list, and nothing that
 * runs a model imports it; adding a kernel is one line.
 */
export const kernels: readonly CheckedKernel[] = [
  checked(repack, repackChecks),
  checked(get_rows, getRowsChecks),
  checked(rms_norm, rmsNormChecks),
  checked(quantize_q8, quantizeQ8Checks),
  checked(mul_mat_vec, mulMatVecChecks),
  checked(mul_mat, mulMatChecks),
  checked(add, addChecks),
  checked(rope, ropeChecks),
  checked(kv_write, kvWriteChecks),
  checked(flash_attn, flashAttnChecks),
  checked(flash_attn_merge, flashAttnMergeChecks),
  checked(swiglu, swigluChecks),
  checked(sample_adjust, sampleAdjustChecks),
  checked(sample_filter, sampleFilterChecks),
  checked(sample_draw, sampleDrawChecks),
  checked(sample_pick, samplePickChecks),
  checked(log_softmax, logSoftmaxChecks),
];

function checked<S extends object, V extends object>(kernel: Kernel<S, V>, checks: () => Checks<S, V>): CheckedKernel {
  return { ...kernel, checks };
}
