/** What holds of every kernel's source, without a GPU. */
import { expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { everyDevice } from '../../src/doctor/variants.ts';
import { composeShader } from '../../src/gpu/wgsl.ts';

/** Firefox's, and WebGPU's default. */
const storageBuffers = 8;

test.each(kernels.map((kernel) => [kernel.name, kernel] as const))('%s', (_, kernel) => {
  const { cases } = kernel.checks();
  expect(cases.length).toBeGreaterThan(0);
  for (const { shape } of cases) {
    for (const variant of everyDevice.flatMap((features) => kernel.variants(shape, features))) {
      const { code, bindings } = composeShader(kernel.wgsl(shape, variant));
      expect(bindings.filter(({ type }) => type !== 'uniform').length).toBeLessThanOrEqual(storageBuffers);
      expect(new Set(bindings.map(({ name }) => name)).size).toBe(bindings.length);
      const overrides = [...code.matchAll(/^override (\w+)/gm)].map(([, name]) => name);
      expect(Object.keys(kernel.overrides(shape, variant)).sort()).toEqual(overrides.sort());
      expect(code).not.toMatch(/\b(undefined|NaN|\[object)/);
    }
  }
});

test('a case’s id addresses it', () => {
  for (const kernel of kernels) {
    const ids = kernel.checks().cases.map(({ id }) => id);
    expect(new Set(ids).size, kernel.name).toBe(ids.length);
  }
});

test('parts are numbered in order, directives move to the top', () => {
  const { code, bindings } = composeShader(`
var<storage, read> a: array<u32>;
enable f16;
var<uniform> b: u32;
enable f16;
var<storage, read_write> c: array<vec4<f32>>;
`);
  expect(code.startsWith('enable f16;\n@group(0) @binding(0) var<storage, read> a')).toBe(true);
  expect(code.match(/enable f16/g)).toHaveLength(1);
  expect(bindings).toEqual([
    { name: 'a', index: 0, type: 'read-only-storage', isF32: false },
    { name: 'b', index: 1, type: 'uniform', isF32: false },
    { name: 'c', index: 2, type: 'storage', isF32: true },
  ]);
});
