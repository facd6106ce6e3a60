/**
 * copy: dst = src, both `byteLength` bytes: what memory gives for reading and writing.
 *
 *   dispatch   x, y: invocations, each of `vectors` vectors of 16 bytes in a row
 *
 * Element by element suits GPUs, whose lanes share a cache line; several KiB at a time suit CPUs.
 */
import type { MemoryShape, Roofline } from './roofline.ts';
import { spreadInvocations } from './roofline.ts';

interface Variant {
  readonly vectors: 1 | 256;
}

export const copy: Roofline<MemoryShape, Variant> = {
  limits: 'memory',
  name: 'roofline_copy',
  variants: () => [{ vectors: 1 }, { vectors: 256 }],

  wgsl: () => `
override VECTORS: u32;
var<storage, read> src: array<vec4<u32>>;
var<storage, read_write> dst: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let first = (id.y * groups.x * 64u + id.x) * VECTORS;
  for (var i = 0u; i < VECTORS; i++) { dst[first + i] = src[first + i]; }
}
`,

  overrides: (_, { vectors }) => ({ VECTORS: vectors }),
  workgroups: ({ byteLength }, { vectors }) => spreadInvocations(byteLength / 16 / vectors),
  buffers: ({ byteLength }) => ({ src: byteLength, dst: byteLength }),
  work: ({ byteLength }) => 2 * byteLength,
};
