import { createBuffer, readBuffer } from './buffers.ts';
import type { Device } from './device.ts';
import { scoped } from './errors.ts';
import type { AnyKernel, Case, CheckedKernel, Output, Tolerance, Trial, Words } from './kernel.ts';
import { offsetAlignment } from './limits.ts';
import type { Pipelines } from './pipelines.ts';
import { bind } from './plan.ts';
import type { TimedDispatch } from './timing.ts';
import { variantName } from './variants.ts';

export interface CheckResult {
  readonly name: string;
  readonly case: string;
  readonly variant: string;
  readonly ok: boolean;
  /** The worst of all outputs. */
  readonly nmse: number;
  readonly max: number;
  /** What is wrong, in a line, unless `ok`. */
  readonly error?: string;
  /** A hash of all that was written, unless the GPU refused to. */
  readonly bits?: number;
}

const guardBytes = offsetAlignment; // behind a binding: these words belong to nobody
const guardByte = 0xff; // as f32 and f16 this is NaN, as u32 and i8 it is conspicuous

/** Runs one case in one variant and compares all outputs with the reference. Never throws for what the kernel did. */
export async function checkCase(
  device: Device,
  pipelines: Pipelines,
  kernel: AnyKernel & Partial<CheckedKernel>,
  testCase: Case<object>,
  variant: object,
): Promise<CheckResult> {
  const result = { name: kernel.name, case: testCase.id, variant: variantName(variant) };
  try {
    const trial = testCase.trial();
    const tolerance = kernel.checks?.().tolerance?.(variant) ?? testCase.tolerance;
    const written = await runTrial(device, pipelines, kernel, testCase.shape, variant, trial);
    const differences = Object.entries(trial.outputs).map(([name, output]) => compare(name, output, written[name]));
    const nmse = Math.max(...differences.map((d) => d.nmse));
    const max = Math.max(...differences.map((d) => d.max));
    const error = differences.map((d) => d.error).find(Boolean) ?? beyond(tolerance, nmse, max);
    return { ...result, ok: !error, nmse, max, bits: hash(Object.values(written)), ...(error && { error }) };
  } catch (error) {
    return { ...result, ok: false, nmse: Number.NaN, max: Number.NaN, error: (error as Error).message };
  }
}

/** What is wrong with a result beside those of other variants of the same case: variants of one order write the same bits. */
export function otherBitsThan(
  { order }: AnyKernel,
  variant: object,
  { bits }: CheckResult,
  others: readonly { readonly variant: object; readonly result: CheckResult }[],
): string | undefined {
  const other = others.find(({ variant: each, result }) => result.ok && order?.(each) === order?.(variant));
  if (bits === undefined || !other || other.result.bits === bits) return undefined;
  return `writes other bits than "${other.result.variant}", which sums in the same order`;
}

/** FNV-1a, of 32 bits. */
function hash(buffers: readonly ArrayBuffer[]): number {
  let h = 0x811c9dc5;
  for (const buffer of buffers) for (const byte of new Uint8Array(buffer)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** One dispatch of a kernel on fresh buffers; the bytes of its outputs. Throws on any GPU error or a touched guard. */
async function runTrial(
  device: Device,
  pipelines: Pipelines,
  kernel: AnyKernel,
  shape: object,
  variant: object,
  trial: Trial,
): Promise<Record<string, ArrayBuffer>> {
  const prepared = await prepareTrial(device, pipelines, kernel, shape, variant, trial);
  try {
    await scoped(device.gpu, `kernel ${prepared.label}`, () => {
      const encoder = device.gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(prepared.pipeline);
      pass.setBindGroup(0, prepared.bindGroup);
      pass.dispatchWorkgroups(...prepared.workgroups);
      pass.end();
      device.gpu.queue.submit([encoder.finish()]);
    });
    const written: Record<string, ArrayBuffer> = {};
    for (const name of Object.keys(trial.outputs)) {
      const { buffer, size } = prepared.buffers[name] as GuardedBuffer;
      const bytes = await readBuffer(device, buffer);
      if (new Uint8Array(bytes, size).some((byte) => byte !== guardByte))
        throw new Error(`${name}: wrote behind its end`);
      written[name] = bytes.slice(0, size);
    }
    return written;
  } finally {
    prepared.destroy();
  }
}

/** A trial's kernel on fresh, guarded buffers, ready to be dispatched; for checks and for benches. */
export async function prepareTrial(
  device: Device,
  pipelines: Pipelines,
  kernel: AnyKernel,
  shape: object,
  variant: object,
  trial: Trial,
): Promise<TimedDispatch & { buffers: Record<string, GuardedBuffer>; destroy(): void }> {
  const { label, pipeline, layout, bindings } = await pipelines.compile(kernel, shape, variant);
  const buffers: Record<string, GuardedBuffer> = {};
  const destroy = () => {
    for (const { buffer } of Object.values(buffers)) buffer.destroy();
  };
  try {
    for (const { name, type } of bindings) {
      const output = trial.outputs[name];
      const words = trial.inputs[name] ?? output?.initial ?? untouched(output);
      if (words) buffers[name] = await guarded(device, name, words, type);
    }
    const bindGroup = await bind(device, { label, pipeline, layout, bindings }, buffers);
    return { label, pipeline, bindGroup, workgroups: kernel.workgroups(shape, variant, trial.count), buffers, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

interface GuardedBuffer {
  readonly buffer: GPUBuffer;
  /** Bytes before the guard. */
  readonly size: number;
}

async function guarded(device: Device, label: string, words: Words, type: GPUBufferBindingType) {
  const size = Math.ceil(words.byteLength / 4) * 4;
  const bytes = new Uint8Array(size + (type === 'uniform' ? 0 : guardBytes)).fill(guardByte);
  bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  const buffer = await createBuffer(device, label, bytes.length, type === 'uniform' ? 'uniform' : 'storage');
  device.gpu.queue.writeBuffer(buffer, 0, bytes);
  return { buffer, size };
}

const elementBytes = { f32: 4, f16: 2, u32: 4, i8: 1 };

function untouched(output: Output | undefined): Uint8Array | undefined {
  if (!output || typeof output.elements === 'function') return undefined;
  return new Uint8Array(output.expected.length * elementBytes[output.elements]).fill(guardByte);
}

interface Difference {
  readonly nmse: number;
  readonly max: number;
  readonly error?: string;
}

/** Two metrics together: one sees a small error everywhere, the other a large one in a single place. */
function compare(name: string, { expected, elements }: Output, bytes: ArrayBuffer | undefined): Difference {
  const got = elementsOf(bytes as ArrayBuffer, elements);
  let errorSum = 0;
  let squareSum = 0;
  let largest = 0;
  let count = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] as number;
    const have = got[i] as number;
    if (Number.isNaN(want)) {
      const kept =
        elements === 'f32' || elements === 'f16' ? Number.isNaN(have) : have === (elements === 'i8' ? -1 : 0xffffffff);
      if (!kept)
        return { nmse: Number.NaN, max: Number.NaN, error: `${name}[${i}]: written (${have}), must stay untouched` };
      continue;
    }
    const error = Math.abs(have - want);
    if (!(error < Number.POSITIVE_INFINITY))
      return { nmse: Number.NaN, max: Number.NaN, error: `${name}[${i}]: ${have}, expected ${want}` };
    errorSum += error * error;
    squareSum += want * want;
    largest = Math.max(largest, error);
    count++;
  }
  if (errorSum === 0) return { nmse: 0, max: 0 };
  return { nmse: errorSum / squareSum, max: largest / Math.sqrt(squareSum / count) };
}

function elementsOf(bytes: ArrayBuffer, elements: Output['elements']): ArrayLike<number> {
  if (typeof elements === 'function') return elements(bytes);
  if (elements === 'f32') return new Float32Array(bytes);
  if (elements === 'u32') return new Uint32Array(bytes);
  if (elements === 'i8') return new Int8Array(bytes);
  return Array.from(new Uint16Array(bytes), halfToFloat);
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** What is wrong with an error, in a line; undefined where it is within its bounds. */
export function beyond(tolerance: Tolerance = { nmse: 0, max: 0 }, nmse: number, max: number): string | undefined {
  if (nmse <= tolerance.nmse && max <= tolerance.max) return undefined;
  const parts = [
    `nmse ${nmse.toExponential(2)} (allowed ${tolerance.nmse})`,
    `max ${max.toExponential(2)} (allowed ${tolerance.max})`,
  ];
  return parts.join(', ');
}
