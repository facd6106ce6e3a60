import type { AnyKernel } from '../src/gpu/kernel.ts';
import { add } from './add.ts';
import { argmax } from './argmax.ts';
import { flash_attn } from './flash_attn.ts';
import { flash_attn_merge } from './flash_attn_merge.ts';
import { get_rows } from './get_rows.ts';
import { kv_write } from './kv_write.ts';
import { mul_mat } from './mul_mat.ts';
import { mul_mat_vec } from './mul_mat_vec.ts';
import { quantize_q8 } from './quantize_q8.ts';
import { repack } from './repack.ts';
import { rms_norm } from './rms_norm.ts';
import { rope } from './rope.ts';
import { swiglu } from './swiglu.ts';

/** Every kernel, in the order of a step. Tests, benches and `doctor` go through this list; adding one is one line. */
export const kernels: readonly AnyKernel[] = [
  repack,
  get_rows,
  rms_norm,
  quantize_q8,
  mul_mat_vec,
  mul_mat,
  add,
  rope,
  kv_write,
  flash_attn,
  flash_attn_merge,
  swiglu,
  argmax,
];
