/**
 * read_reduce: each invocation adds up 256 vectors of 16 bytes: what memory gives for reading, as weights are read.
 *
 *   dispatch   x, y: invocations
 *
 * `interleaved`: neighbours read neighbouring vectors, as a GPU's lanes should; otherwise each reads its own 4 KiB.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { MemoryShape, Roofline } from './roofline.ts';
import { spreadInvocations } from './roofline.ts';

interface Variant {
  readonly interleaved: boolean;
}

const vectors = 256;

export const read_reduce: Roofline<MemoryShape, Variant> = {
  limits: 'memory',
  name: 'roofline_read_reduce',
  variants: () => [{ interleaved: false }, { interleaved: true }],

  wgsl: (_, { interleaved }) => wgsl`
const VECTORS = ${vectors}u;
var<storage, read> src: array<vec4<u32>>;
var<storage, read_write> dst: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let invocation = id.y * groups.x * 64u + id.x;
  var sum = vec4<u32>();
#if ${interleaved}
  let first = invocation / 64u * 64u * VECTORS + invocation % 64u;
  for (var i = 0u; i < VECTORS; i++) { sum += src[first + i * 64u]; }
#else
  let first = invocation * VECTORS;
  for (var i = 0u; i < VECTORS; i++) { sum += src[first + i]; }
#endif
  dst[invocation] = (sum.x + sum.y) + (sum.z + sum.w);
}
`,

  overrides: () => ({}),
  workgroups: ({ byteLength }) => spreadInvocations(byteLength / 16 / vectors),
  buffers: ({ byteLength }) => ({ src: byteLength, dst: byteLength / 4 / vectors }),
  work: ({ byteLength }) => byteLength + byteLength / 4 / vectors,
};
