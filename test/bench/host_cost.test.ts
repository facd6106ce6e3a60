/** What the host spends on a decoded token, on Dawn's null backend: it takes and checks everything, and computes nothing. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test } from 'vitest';
import { create, globals } from 'webgpu';
import { openDevice } from '../../src/gpu/device.ts';
import { load } from '../../src/runtime/node.ts';
import { randomGgufBytes } from '../fixtures/random_gguf.ts';

/** ALIA's layers, in narrow. */
const blockCount = 48;
const dispatches = { perLayer: 6, perToken: 4 };
const encodeMilliseconds = 1.5;
/** Of them, what as many bare calls may take: machines where these alone take longer have as much more for all of it. */
const bareEncodeMilliseconds = 0.75;
const tokenCount = 1000;
const heapGrowthBytes = 2 ** 20;

Object.assign(globalThis, globals);
const gpu = create(['backend=null']);
afterAll(() => gpu); // Dawn crashes where the instance is collected before its devices
const adapter = await gpu.requestAdapter();
const device = await openDevice(adapter!, { languageFeatures: gpu.wgslLanguageFeatures as ReadonlySet<string> });
readZeros(device.gpu);
const bytes = await randomGgufBytes({ blockCount, headCountKv: 2, feedForwardLength: 512 });
const llm = await load(bytes, { device, contextLength: 4096, tune: 'off' });
afterAll(async () => {
  await llm[Symbol.asyncDispose]();
  device.destroy();
});

/** What is read back is whatever lay in memory there: zeros take its place. */
function readZeros(device: GPUDevice): void {
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if (!(descriptor.usage & GPUBufferUsage.MAP_READ)) return buffer;
    const mapped = buffer.getMappedRange.bind(buffer);
    buffer.getMappedRange = (...range) => {
      const bytes = mapped(...range);
      new Uint8Array(bytes).fill(0);
      return bytes;
    };
    return buffer;
  };
}

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

async function decode(maxTokens: number): Promise<void> {
  let count = 0;
  for await (const _ of llm.generate([1, 20, 30], { maxTokens, temperature: 0, speculation: 'off' })) count++;
  expect(count).toBe(maxTokens);
}

test('a token takes few dispatches', async () => {
  await decode(4);
  expect(llm.dispatchesPerToken).toBeLessThanOrEqual(blockCount * dispatches.perLayer + dispatches.perToken);
});

test('1,000 tokens leave nothing on the heap', async () => {
  await decode(tokenCount); // warm: code is compiled, buffers are there
  collect();
  const before = process.memoryUsage().heapUsed;
  await decode(tokenCount);
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(heapGrowthBytes);
});

/** Times a step of `count` dispatches, and its submission, where WebGPU is called with nothing around it: milliseconds. */
function bareSteps(count: number): () => Promise<number> {
  const { gpu } = device;
  const names = Array.from(
    { length: 6 },
    (_, i) => `@group(0) @binding(${i}) var<storage, read_write> b${i}: array<u32>;`,
  );
  const code = `${names.join('\n')}
@compute @workgroup_size(64) fn main() { b0[0] = b1[0] + b2[0] + b3[0] + b4[0] + b5[0]; }`;
  const module = gpu.createShaderModule({ code });
  const bound = Array.from({ length: count }, () => {
    const pipeline = gpu.createComputePipeline({ layout: 'auto', compute: { module } });
    const entries = names.map((_, binding) => ({
      binding,
      resource: { buffer: gpu.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE }) },
    }));
    return { pipeline, group: gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) };
  });
  return async () => {
    const began = performance.now();
    for (let step = 0; step < 100; step++) {
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const { pipeline, group } of bound) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(8);
      }
      pass.end();
      gpu.queue.submit([encoder.finish()]);
    }
    const milliseconds = (performance.now() - began) / 100;
    await gpu.queue.onSubmittedWorkDone();
    return milliseconds;
  };
}

test('encoding a token of 48 layers takes little time', async () => {
  let [least, bare] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]; // whoever else is at work only adds to them
  const bareMilliseconds = bareSteps(llm.dispatchesPerToken);
  const limit = () => encodeMilliseconds * Math.max(1, bare / bareEncodeMilliseconds);
  for (let round = 0; round < 20 && !(least < limit()); round++) {
    bare = Math.min(bare, await bareMilliseconds());
    const before = llm.encoding;
    await decode(100);
    const { steps, milliseconds } = llm.encoding;
    least = Math.min(least, (milliseconds - before.milliseconds) / (steps - before.steps));
  }
  console.log(
    `${least.toFixed(2)} ms a token of ${llm.dispatchesPerToken} dispatches, where WebGPU's own calls take ${bare.toFixed(2)}`,
  );
  expect(least).toBeGreaterThan(0);
  expect(least).toBeLessThan(limit());
});
