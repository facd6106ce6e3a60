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

test('encoding a token of 48 layers takes little time', async () => {
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = llm.encoding;
    await decode(100);
    const { steps, milliseconds } = llm.encoding;
    rounds.push((milliseconds - before.milliseconds) / (steps - before.steps));
  }
  const least = Math.min(...rounds); // whoever else is at work on the machine only adds to it
  expect(least).toBeGreaterThan(0);
  expect(least).toBeLessThan(encodeMilliseconds);
});
