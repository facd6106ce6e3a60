/** What a plan counts is what a loaded model really allocates. */
import { expect, test } from 'vitest';
import { Model, type ModelOptions } from '../../src/decoding/model.ts';
import type { Device } from '../../src/gpu/device.ts';
import { readHeader } from '../../src/models/load.ts';
import { planMemory } from '../../src/models/memory.ts';
import { leastBudget } from '../fixtures/least_budget.ts';
import { fixtures, randomGguf } from '../fixtures/random_gguf.ts';
import { adapterName, openTestDevice } from './adapter.ts';

const cases: [keyof typeof fixtures, ModelOptions][] = [
  ['alia', { precision: 'fast', contextLength: 1024 }],
  ['biases', { precision: 'exact', contextLength: 700, sequences: 3, chunkLength: 40 }],
  ['mixed', { precision: 'fast', contextLength: 1024, sequences: 9 }],
  ['tied', { precision: 'exact', contextLength: 256, kvType: 'f16' }],
];

// One adapter is enough: the host counts
const onOne = test.runIf(adapterName === 'lavapipe');

onOne.each(cases)('%s %j: weights, keys and values, activations to the byte', async (name, options) => {
  const device = await openTestDevice();
  const live = watchBuffers(device);
  const gguf = await randomGguf(fixtures[name]);
  const model = await Model.load(readHeader(gguf), device, undefined, options);
  const scoring = { target: 1, top: 1 };
  await model.submit({ prefill: [{ id: 0, position: 0, sequence: 0, wantsLogits: false, scoring }] }); // needs the most
  const { weightBytes, kvBytes, activationBytes, gpuBytes } = model.memory;
  expect(live.bytes).toBe(weightBytes + kvBytes + activationBytes);
  expect(live.most).toBeLessThanOrEqual(gpuBytes);
  await model.destroy();
  expect(live.bytes).toBe(0);
});

onOne.each([0, 0.4])(
  'a streamed model stays within its plan, also while its cache grows: %d of the way from the least budget to all',
  async (share) => {
    const device = await openTestDevice();
    const header = readHeader(await randomGguf({ blockCount: 6, feedForwardLength: 1024, contextLength: 1400 }));
    const form = { limits: device.limits, kvType: 'f16', precision: 'fast', sequences: 1, chunkLength: 128 } as const;
    const whole = planMemory(header, form).gpuBytes;
    const least = leastBudget(whole, (budgetBytes) => planMemory(header, { ...form, budgetBytes }));
    const gpuMemoryBytes = Math.floor(least + share * (whole - least));
    const live = watchBuffers(device);
    const model = await Model.load(header, device, undefined, { chunkLength: 128, gpuMemoryBytes });
    expect(model.memory.streamedLayers).toBeGreaterThan(0);
    const length = Math.min(1300, model.memory.contextLength);
    for (let first = 0; first < length; first += model.maxPrefill) {
      const count = Math.min(model.maxPrefill, length - first);
      const token = (_: unknown, i: number) => ({ id: i, position: first + i, sequence: 0, wantsLogits: false });
      await model.read({ prefill: Array.from({ length: count }, token) });
    }
    expect(model.memory.gpuBytes).toBeLessThanOrEqual(gpuMemoryBytes);
    expect(live.most).toBeLessThanOrEqual(model.memory.gpuBytes);
    await model.destroy();
    expect(live.bytes).toBe(0);
  },
);

/** Bytes of the buffers that are not destroyed, but for those that are mapped: these are the host's. */
function watchBuffers({ gpu }: Device): { bytes: number; most: number } {
  const live = { bytes: 0, most: 0 };
  const create = gpu.createBuffer.bind(gpu);
  gpu.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if (descriptor.usage & (GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE)) return buffer;
    live.bytes += buffer.size;
    live.most = Math.max(live.most, live.bytes);
    const destroy = buffer.destroy.bind(buffer);
    let isLive = true;
    buffer.destroy = () => {
      if (isLive) live.bytes -= buffer.size;
      isLive = false;
      return destroy();
    };
    return buffer;
  };
  return live;
}
