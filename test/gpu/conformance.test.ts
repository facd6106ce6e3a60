/** The suite that every home passes, in Node. */
import { afterAll, expect, test } from 'vitest';
import { load, nodeGpu } from '../../src/runtime/node.ts';
import { conformance } from '../conformance/conformance.ts';
import { continuations } from '../conformance/greedy.ts';
import { loseDevice, watchDevices } from '../conformance/lose_device.ts';
import { greedyCases } from '../fixtures/greedy_cases.ts';
import { hasSharedData } from '../fixtures/shared_data.ts';
import { writeModel } from '../homes/model_file.ts';
import { adapterName } from './adapter.ts';

nodeGpu();
watchDevices();
const model = await writeModel();
afterAll(() => model[Symbol.asyncDispose]());

test(`${adapterName}: conformance`, async () => {
  const { checks, failures } = await conformance({
    load,
    model: model.path,
    missing: `${model.folder}/nowhere.gguf`,
    loseDevice,
  });
  expect(failures).toEqual([]);
  expect(checks.length).toBeGreaterThan(10);
}, 300_000);

test.runIf(hasSharedData)(
  `${adapterName}: real models go on as llama.cpp does`,
  async () => {
    const all = await greedyCases();
    const cases = adapterName === 'swiftshader' ? all.slice(2) : all; // it compiles each model's kernels for seconds
    expect(await continuations(load, cases)).toEqual(cases.map(({ expected }) => expected));
  },
  300_000,
);
