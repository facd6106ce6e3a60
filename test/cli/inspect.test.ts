import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatSize, parseSize } from '../../src/cli/size.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
import { ALIA_BYTES_PER_PASS, ALIA_TENSOR_BYTES, ALIA_TOKEN_COUNT, writeAliaShape } from '../gguf/alia_shape.ts';
import { runApart } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-'));
const alia = join(folder, 'alia.gguf');
beforeAll(() => writeAliaShape(alia));
afterAll(() => rmSync(folder, { recursive: true }));

const inspect = (...args: string[]) => runApart('inspect', ...args);

test.each([[[]], [['--json']]])(
  'a header of 40B parameters and 256,000 tokens %s: under 2 s and 400 MB',
  async (flags) => {
    const { code, cpuSeconds, maxRssBytes } = await inspect(alia, ...flags);
    expect(code).toBe(0);
    expect(cpuSeconds).toBeLessThan(2);
    expect(maxRssBytes).toBeLessThan(400e6);
  },
);

test('--json gives metadata, tensors, plan and a summary', async () => {
  const { metadata, tensors, plan, model } = JSON.parse((await inspect(alia, '--json', '--context', '1000')).stdout);
  expect(metadata['tokenizer.ggml.tokens']).toHaveLength(ALIA_TOKEN_COUNT);
  expect(metadata['tokenizer.ggml.scores'].slice(0, 3)).toEqual([0, -1, -2]);
  expect(metadata['llama.context_length']).toBe(163_840);
  expect(tensors).toHaveLength(48 * 9 + 4);
  expect(tensors[0]).toMatchObject({ name: 'token_embd.weight', type: 'Q8_0', dimensions: [8192, ALIA_TOKEN_COUNT] });
  expect(plan).toMatchObject({
    estimated: false,
    residentLayers: 48,
    streamedLayers: 0,
    bytesPerPass: ALIA_BYTES_PER_PASS,
    kvType: 'f16',
    kvBytesPerToken: 196_608,
    kvBytes: 1024 * 196_608, // whole pages
    contextLength: 1000,
    hostEmbeddings: false,
  });
  const { weightBytes, kvBytes, activationBytes } = plan;
  expect(weightBytes / ALIA_TENSOR_BYTES).toBeCloseTo(1, 3);
  expect(plan.gpuBytes / (weightBytes + kvBytes + activationBytes)).toBeCloseTo(1, 3);
  expect(model).toMatchObject({
    architecture: 'llama',
    obstacle: null,
    parameterCount: 40_433_885_248,
    types: [
      { type: 'Q8_0', tensorCount: 338 },
      { type: 'F32', tensorCount: 98 },
    ],
    contextLength: 163_840,
    rope: { flaw: 'rope_freqs.weight holds 0, not a positive number' },
    tokenizer: { model: 'llama', tokenCount: ALIA_TOKEN_COUNT, stops: [{ id: 2, text: '▁ció2eses' }] },
    chatTemplates: {},
  });
});

test('the text is for people: long arrays shortened, memory in their units', async () => {
  const { stdout } = await inspect(alia, '--gpu-memory', '48GiB', '--context', '1000');
  expect(stdout).toContain('parameters    40,433,885,248');
  expect(stdout).toContain('runs here     yes');
  expect(stdout).toMatch(/tokenizer\.ggml\.tokens +array<string> 256000 +\["▁n0", "▁ñ1es".*, …\]/);
  expect(stdout).toMatch(/attention\.layer_norm_rms_epsilon +float32 +0\.00001/);
  expect(stdout).toMatch(
    /GPU +40\.\d GiB, on a device with no more than WebGPU's least limits\n +all 48 layers resident/,
  );
});

test('under a budget: what is resident, what each pass streams, and the bound that this implies', async () => {
  const { stdout } = await inspect(alia, '--gpu-memory', '8GiB');
  expect(stdout).toMatch(
    /stream +5 of 48 layers resident, 34\.5 GB per pass, at \d+\.\d [MG]B\/s: \d+(\.\d s| ms) a pass\n +the rate is measured: \d+\.\d [MG]B of the file in \d\.\d\d s/,
  );
  expect(stdout).toMatch(/slots +4 × 64\.0 MiB at most/);
  const { plan } = JSON.parse((await inspect(alia, '--gpu-memory', '8GiB', '--json')).stdout);
  expect(plan).toMatchObject({ residentLayers: 5, streamedLayers: 43, bytesPerPass: 43 * 802_160_640 });
  expect(plan.gpuBytes).toBeLessThanOrEqual(2 ** 33);
  expect(plan.link.readBytes).toBeGreaterThan(0);
  expect(plan.secondsPerPass).toBeCloseTo(plan.bytesPerPass / plan.link.bytesPerSecond, 6);
});

test('a budget that nothing can run in says the least that works', async () => {
  const { code, stdout, stderr } = await inspect(alia, '--gpu-memory', '50MiB');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(
    /^error: streaming all weights and a context of 512 need \d+ MiB of GPU memory, and there are 50 MiB$/,
  );
});

test('the context is what fits, never the 163,840 of the file', async () => {
  const fitting = async (...flags: string[]) =>
    JSON.parse((await inspect(alia, '--json', ...flags)).stdout).plan.contextLength;
  const wholePages = (bytes: number) => Math.floor(bytes / 196_608 / 256) * 256;
  expect(await fitting()).toBe(wholePages(ALIA_TENSOR_BYTES / 8));
  const inAll = await fitting('--gpu-memory', '48GB');
  expect(inAll).toBeLessThan(wholePages(48e9 - ALIA_TENSOR_BYTES));
  expect(inAll).toBeGreaterThan(0.9 * wholePages(48e9 - ALIA_TENSOR_BYTES));
  expect(await fitting('--gpu-memory', '80GB')).toBe(163_840);
});

test('hostile names stay on their line, 64-bit integers keep their digits', async () => {
  const path = join(folder, 'odd.gguf');
  const bytes = await encodeGguf([
    ['a\u001b[2Jkey', 'line\nline'],
    ['big', { type: 'uint64', value: 2n ** 64n - 1n }],
    ['bigs', BigInt64Array.of(-(2n ** 63n), 5n)],
  ]);
  writeFileSync(path, bytes);
  expect((await inspect(path)).stdout).toContain('"a\\u001b[2Jkey"  string          "line\\nline"');
  const { metadata } = JSON.parse((await inspect(path, '--json')).stdout);
  expect(metadata).toMatchObject({ big: '18446744073709551615', bigs: ['-9223372036854775808', 5] });
});

test('failures are one line and exit 1, misuse exits 2', async () => {
  expect(await inspect(join(folder, 'none.gguf'))).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `error: ${folder}/none.gguf: there is no such file`,
  });
  for (const args of [
    [],
    ['a', 'b'],
    [alia, '--gpu-memory', 'much'],
    [alia, '--context', '-1'],
    [alia, '--kv', 'f64'],
    [alia, '--wrong'],
  ]) {
    const { code, stdout, stderr } = await inspect(...args);
    expect([code, stdout], args.join(' ')).toEqual([2, '']);
    expect(stderr).toContain('usage: webgguf inspect MODEL');
  }
});

test('SIZE', () => {
  expect(['8GiB', '500MB', '1.5 gb', '1024', '0', '7B'].map(parseSize)).toEqual([2 ** 33, 5e8, 1.5e9, 1024, 0, 7]);
  expect(['', '8G', 'GiB', '-1MB', '1e9', '99999999TiB'].map(parseSize)).toEqual(Array(6).fill(undefined));
  expect([0, 1023, 1024, 42_963_337_216, 2 ** 50].map(formatSize)).toEqual([
    '0 B',
    '1023 B',
    '1.00 KiB',
    '40.0 GiB',
    '1024 TiB',
  ]);
});
