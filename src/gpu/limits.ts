/** The limits asked for: everything the adapter offers, for the reason that stands beside it. */
export const wantedLimits = [
  'maxBufferSize', // a row tile's planes stand in one buffer
  'maxStorageBufferBindingSize', // how many rows of a matrix one binding holds
  'maxStorageBuffersPerShaderStage', // a fused matmul binds planes, activations, tables and outputs
  'maxComputeWorkgroupStorageSize', // score tiles of attention
  'maxComputeInvocationsPerWorkgroup', // wide reductions
  'maxComputeWorkgroupSizeX', // the same, along the one dimension in use
  'maxComputeWorkgroupsPerDimension', // rows of a vocabulary
] as const;

/** Sizes of buffers that every device offers, in bytes: where it is not known which device it will be. */
export const leastLimits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };

/** Bytes: bindings start at multiples of this on every device (the largest `minStorageBufferOffsetAlignment`). */
export const offsetAlignment = 256;

/** A limit that matters here, by WebGPU's name. */
export type LimitName = (typeof wantedLimits)[number];
/** A device's limits, in WebGPU's units. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The limits of an adapter or device, lowered to `caps` where a caller wants to try a smaller device. */
export function limitsOf(of: Pick<GPUDevice, 'limits'>, caps: Partial<Limits> = {}): Limits {
  const limits = {} as Record<LimitName, number>;
  for (const name of wantedLimits) limits[name] = Math.min(of.limits[name], caps[name] ?? Number.POSITIVE_INFINITY);
  return limits;
}
