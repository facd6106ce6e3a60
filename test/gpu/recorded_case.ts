import { createBuffer } from '../../src/gpu/buffers.ts';
import type { Trial } from '../../src/gpu/course.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { Case, Kernel } from '../../src/gpu/kernel.ts';
import { Pipelines } from '../../src/gpu/pipelines.ts';
import { allResident, Recorder } from '../../src/gpu/plan.ts';
import { composeShader } from '../../src/gpu/wgsl.ts';

/** A kernel's case as a plan of one dispatch: what it writes is the plan's own, what it reads is as the case has it. */
export async function recordedCase<S extends object, V extends object>(
  device: Device,
  kernel: Kernel<S, V>,
  { shape, trial: makeTrial }: Case<S>,
) {
  const { count, inputs, outputs } = makeTrial();
  const pipelines = new Pipelines(device);
  const recorder = new Recorder<object>(device, pipelines);
  const [variant] = kernel.variants(shape, device.features);
  const buffers: Record<string, { buffer: GPUBuffer }> = {};
  for (const { name, type } of composeShader(kernel.wgsl(shape, variant as V)).bindings) {
    const words = inputs[name];
    if (!words) {
      buffers[name] = { buffer: recorder.buffer(name, (outputs[name]?.expected.length ?? 0) * 4) };
      continue;
    }
    const buffer = await createBuffer(device, name, words.byteLength, type === 'uniform' ? 'uniform' : 'storage');
    const bytes = new Uint8Array(buffer.size);
    bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    device.gpu.queue.writeBuffer(buffer, 0, bytes);
    buffers[name] = { buffer };
  }
  recorder.dispatch(kernel, { shape, buffers, count: () => count });
  const trial: Trial<object> = { steps: [{ write: () => ({}) }], isNeeded: true };
  return { recorder, pipelines, trial, finish: () => recorder.finish(allResident) };
}
