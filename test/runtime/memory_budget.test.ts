/** Which adapters compute in the system's memory, told by what they say of themselves. */
import { expect, test } from 'vitest';
import { sharesSystemMemory } from '../../src/gpu/shared_memory.ts';

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
