/** How much GPU memory a model may take where nobody says: which adapters compute in the system's, and what cards hold. */
import { afterEach, expect, test, vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { sharesSystemMemory } from '../../src/gpu/shared_memory.ts';
import { homeRuntime } from '../../src/runtime/home.ts';
import { fakeCard } from './fake_card.ts';

const info = (vendor: string, architecture: string, description = '', isFallbackAdapter = false) =>
  ({ vendor, architecture, description, isFallbackAdapter }) as GPUAdapterInfo;

test.each([
  ['lavapipe on Dawn', info('mesa', 'software', 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)', true)],
  ['lavapipe on wgpu', info('65541', '', 'llvmpipe (LLVM 15.0.6, 256 bits)')],
  ['SwiftShader', info('google', 'swiftshader', 'SwiftShader driver 5.0.0')],
  ['any fallback', info('', '', '', true)],
  ['an M2', info('apple', 'common-3')],
  ['an M2 on wgpu', info('0', '', 'Apple M2 Max')],
  ['an Adreno', info('qualcomm', 'adreno-7xx')],
  ['Intel beside the CPU', info('intel', 'gen-12lp')],
  ['Intel on wgpu', info('32902', '', 'Intel(R) Iris(R) Xe Graphics')],
  ['Radeon beside the CPU', info('amd', 'rdna-3', 'AMD Radeon 780M Graphics')],
  ['Orin', info('nvidia', 'ampere', 'NVIDIA Tegra Orin (nvgpu)')],
])('%s shares', (_, adapter) => {
  expect(sharesSystemMemory(adapter)).toBe(true);
});

test.each([
  ['an H200', info('nvidia', 'hopper', 'NVIDIA H200')],
  ['a GeForce on wgpu', info('4318', '', 'NVIDIA GeForce RTX 4070')],
  ['a Radeon', info('amd', 'rdna-3', 'AMD Radeon RX 7900 XTX')],
  ['an Arc', info('intel', 'xe-hpg', 'Intel(R) Arc(TM) A770 Graphics')],
  ['an Arc on wgpu', info('32902', '', 'Intel(R) Arc(TM) B580 Graphics')],
  ['one that nobody knows', info('', '')],
])('%s has its own', (_, adapter) => {
  expect(sharesSystemMemory(adapter)).toBe(false);
});

const gib = 2 ** 30;
const { memoryBudget } = homeRuntime({
  hub: () => ({}),
  gpu: () => undefined,
  implementation: () => '',
  cache: () => undefined,
  hints: { missing: '', other: '' },
  systemMemory: () => 5 * gib,
});
const card = (capacity: number) => {
  const { device, live } = fakeCard({ capacity, refuses: capacity });
  return { device: { ...device, info: info('nvidia', 'ada-lovelace') } as Device, live };
};
afterEach(() => void vi.useRealTimers());

test('of shared memory it is what the home allows, whatever is wanted', async () => {
  const device = { info: info('mesa', 'software', 'llvmpipe', true) } as Device;
  expect(await memoryBudget(device, 43 * gib)).toBe(5 * gib);
  expect(await memoryBudget(device, 1)).toBe(5 * gib);
});

test('of a card it is what proves to hold, and no bound where all that is wanted does', async () => {
  const { device, live } = card(8 * gib);
  expect(await memoryBudget(device, 43 * gib)).toBe(8 * gib);
  expect(await memoryBudget(device, 6 * gib)).toBeUndefined();
  expect(live.size).toBe(0);
});

test('a small model is not worth a probe', async () => {
  const device = { info: info('nvidia', 'ada-lovelace') } as Device; // nothing can be allocated on it
  expect(await memoryBudget(device, gib / 2)).toBeUndefined();
});
