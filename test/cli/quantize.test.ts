import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import { quantize } from '../../kernels/quants/quantize.ts';
import { run } from '../../src/cli/quantize.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import { closeGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { encodeGguf, uint32, writeGguf } from '../../src/gguf/writer.ts';
import { createFile, openModel } from '../../src/runtime/node_file.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';
import { sendRange, serve } from '../gguf/test_server.ts';
import { commandProcess, runApart, runHere } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-quantize-'));
const input = join(folder, 'in-F32.gguf');
const output = join(folder, 'out.gguf');
beforeAll(async () => writeFileSync(input, await randomGgufBytes({ ...fixtures.f32, embeddingLength: 128 })));
afterAll(() => rmSync(folder, { recursive: true }));

const quantizeHere = (...args: string[]) => runHere(run, ...args);

/** Types and bytes of a file's tensors by name. */
async function readTensors(path: string): Promise<Map<string, { type: string; bytes: Uint8Array }>> {
  const gguf = await openModel(path);
  const tensors = new Map<string, { type: string; bytes: Uint8Array }>();
  for (const { name, type, source, offset, byteLength } of gguf.tensors.values()) {
    tensors.set(name, { type: type.name, bytes: await readBytes(source, offset, byteLength) });
  }
  await closeGguf(gguf);
  return tensors;
}

describe.skipIf(!hasSharedData)('llama-quantize', () => {
  const model = (type: string) => sharedData(`models/stories260K-untied-ff192-${type}.gguf`);

  test.each([
    ['f32', 'q8_0', 'q8_0'],
    ['f32', 'f16', 'f16'],
    ['f32', 'BF16', 'bf16'],
    ['q8_0', 'f32', 'q8_0-dequant-f32'],
  ])('makes the same file of %s as %s, byte for byte', async (from, type, to) => {
    expect(await quantizeHere(model(from), output, '--type', type)).toMatchObject({ code: 0, stdout: `${output}\n` });
    expect(Buffer.compare(readFileSync(output), readFileSync(model(to)))).toBe(0);
  });

  test('refuses what was quantised before', async () => {
    const { code, stderr } = await quantizeHere(model('q4_0'), join(folder, 'none.gguf'), '--type', 'q8_0');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/tensor ".*" is Q4_0 and can't become Q8_0/)]);
    expect(existsSync(join(folder, 'none.gguf'))).toBe(false);
  });

  test('takes a split and gives one of the same parts', async () => {
    const name = 'stories260K-untied-ff192-q8_0';
    const parts = [1, 2, 3].map((i) => `${name}-0000${i}-of-00003.gguf`);
    await quantizeHere(sharedData(`models/split/${parts[0]}`), output, '--type', 'q8_0');
    expect(Buffer.compare(readFileSync(output), readFileSync(model('q8_0')))).toBe(0);
    const target = join(folder, 'split');
    mkdirSync(target);
    await quantizeHere(
      sharedData(`models/split/${parts[0]}`),
      join(target, `${name}.gguf`),
      '--type',
      'q8_0',
      '--keep-split',
    );
    expect(readdirSync(target)).toEqual(parts);
    for (const part of parts.slice(1)) {
      const [ours, theirs] = [join(target, part), sharedData(`models/split/${part}`)].map(
        (path) => readFileSync(path).length,
      );
      expect(ours).toBe(theirs);
    }
    expect(await readTensors(join(target, parts[0]!))).toEqual(await readTensors(model('q8_0')));
  });
});

test.each(['q8_0', 'f16', 'bf16'])('every matrix becomes %s, every vector stays', async (type) => {
  const { code, stderr } = await quantizeHere(input, output, '--type', type);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/^16 tensors F32 to \w+, 6 kept; .* of what it was; \d+ s$/),
  ]);
  const [before, after] = [await readTensors(input), await readTensors(output)];
  expect(after.size).toBe(before.size);
  for (const [name, tensor] of after) {
    const { bytes } = before.get(name)!;
    const isMatrix = !name.includes('norm') && name !== 'rope_freqs.weight';
    expect(tensor.type, name).toBe(isMatrix ? type.toUpperCase() : 'F32');
    const expected = isMatrix ? quantize(tensor.type, dequantize('F32', bytes)) : bytes;
    expect(Buffer.compare(tensor.bytes, expected), name).toBe(0);
  }
});

test('rows that are not whole blocks keep their type, and the summary says so', async () => {
  const odd = join(folder, 'odd.gguf');
  writeFileSync(odd, await randomGgufBytes({ ...fixtures.oddRows, typeName: 'BF16', feedForwardLength: 128 }));
  const { stderr } = await quantizeHere(odd, output, '--type', 'q8_0');
  expect(stderr).toMatch(/^2 tensors BF16 to Q8_0/);
  expect(stderr).toMatch(
    /kept, because their rows are not whole blocks of Q8_0's 32: "output.weight" BF16, .* and 9 more$/,
  );
  const types = Array.from(await readTensors(output), ([name, { type }]) => [name, type] as const);
  expect(new Set(types.filter(([name]) => name.includes('ffn_down')).map(([, type]) => type))).toEqual(
    new Set(['Q8_0']),
  );
});

test('metadata is kept as the file has it, invalid UTF-8 and all', async () => {
  const bytes = await encodeGguf([
    ['general.file_type', uint32(0)],
    ['a.text', 'aXb'],
  ]);
  bytes[bytes.lastIndexOf(0x58)] = 0xff;
  writeFileSync(join(folder, 'text.gguf'), bytes);
  await quantizeHere(join(folder, 'text.gguf'), output, '--type', 'f16');
  const written = readFileSync(output);
  expect(written.includes(Buffer.from([0x61, 0xff, 0x62]))).toBe(true);
});

test('parts of a largest size', async () => {
  const target = join(folder, 'parts');
  mkdirSync(target);
  await quantizeHere(input, output, '--type', 'f16');
  const { stdout } = await quantizeHere(input, join(target, 'x.gguf'), '--type', 'f16', '--split-max-size', '100KB');
  const paths = stdout.trimEnd().split('\n');
  expect(readdirSync(target).map((name) => join(target, name))).toEqual(paths);
  expect(paths.length).toBeGreaterThan(3);
  expect(paths.every((path) => readFileSync(path).length <= 100_000)).toBe(true);
  expect(await readTensors(paths[0]!)).toEqual(await readTensors(output));
});

test('from a web server', async () => {
  await using server = await serve((request, response) => sendRange(request, response, readFileSync(input)));
  await quantizeHere(input, output, '--type', 'q8_0');
  const expected = readFileSync(output);
  expect(await quantizeHere(`${server.url}/x.gguf`, output, '--type', 'q8_0')).toMatchObject({ code: 0 });
  expect(Buffer.compare(readFileSync(output), expected)).toBe(0);
});

describe('a failure leaves nothing', () => {
  test.each([
    ['NaN', Number.NaN],
    ['too large', 1e6],
  ])('%s in the last tensor', async (_, value) => {
    const type = ggmlType('F32');
    const flawed = new Float32Array(64).fill(1);
    flawed[40] = value;
    const tensors = [
      { name: 'a.weight', type, dimensions: [1024, 4096] },
      { name: 'b.weight', type, dimensions: [32, 2], data: new Uint8Array(flawed.buffer) },
    ];
    const source = join(folder, 'flawed.gguf');
    writeFileSync(source, await encodeGguf([], tensors));
    const before = readFileSync(input);
    const target = join(folder, 'target');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'out.gguf'), before);
    const { code, stderr } = await quantizeHere(source, join(target, 'out.gguf'), '--type', 'f16');
    expect([code, stderr]).toEqual([
      1,
      `error: ${source}: tensor "b.weight" has a value that is no finite number, or too large for F16`,
    ]);
    expect(readdirSync(target)).toEqual(['out.gguf']);
    expect(Buffer.compare(readFileSync(join(target, 'out.gguf')), before)).toBe(0);
  });

  test.each([
    ['SIGINT', 1],
    ['SIGTERM', 143],
  ] as const)('a run that is ended: %s', async (signal, exitCode) => {
    const large = join(folder, 'large.gguf');
    const sink = await createFile(large);
    await writeGguf(sink, [], [{ name: 'a.weight', type: ggmlType('F16'), dimensions: [2 ** 16, 2 ** 16] }]);
    await sink.finish();
    const target = join(folder, 'ended');
    mkdirSync(target);
    const args = [commandProcess, 'quantize', large, join(target, 'out.gguf'), '--type', 'q8_0'];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    while (readdirSync(target).length === 0) await delay(10);
    expect(existsSync(join(target, 'out.gguf'))).toBe(false);
    child.kill(signal);
    expect(await exit).toBe(exitCode);
    expect(readdirSync(target)).toEqual([]);
    rmSync(large);
    rmSync(target, { recursive: true });
  });
});

test('memory does not grow with the model', { timeout: 60_000 }, async () => {
  const large = join(folder, 'large.gguf');
  const sink = await createFile(large);
  const tensors = Array.from({ length: 6 }, (_, i) => {
    return { name: `blk.${i}.ffn_up.weight`, type: ggmlType('F16'), dimensions: [8192, 8192] };
  });
  await writeGguf(sink, [], tensors);
  await sink.finish();
  const { code, maxRssBytes } = await runApart('quantize', large, output, '--type', 'q8_0');
  expect(code).toBe(0);
  expect(maxRssBytes).toBeLessThan(600e6);
  rmSync(large);
});

test('what is read is not written over, under whatever name', async () => {
  const link = join(folder, 'link.gguf');
  symlinkSync(input, link);
  const before = readFileSync(input);
  for (const path of [input, link, join(folder, '..', folder.split('/').at(-1)!, 'in-F32.gguf')]) {
    const { code, stderr } = await quantizeHere(input, path, '--type', 'f32');
    expect([code, stderr]).toEqual([1, `error: ${path}: is the model that is read; name another file to write`]);
  }
  expect(Buffer.compare(readFileSync(input), before)).toBe(0);
});

test('one clear line where the output can not be', async () => {
  const stderrOf = async (path: string) => (await quantizeHere(input, path, '--type', 'f16')).stderr;
  expect(await stderrOf(folder)).toBe(`error: ${folder}: is a folder; name the file to write`);
  expect(await stderrOf('/dev/null')).toBe('error: /dev/null: is no regular file');
  expect(await stderrOf('/nowhere/x.gguf')).toBe("error: /nowhere/x.gguf: can't be written: there is no such folder");
});

test.each([
  [['a.gguf'], 'name IN and OUT, or a YAML file'],
  [['a.gguf', 'b.gguf'], 'name the type: --type q8_0, f16, bf16 or f32'],
  [['a.gguf', 'b.gguf', '--type', 'q4_k_m'], 'type "q4_k_m" can\'t be written: --type q8_0'],
  [['a.gguf', 'b.gguf', '--type', 'f16', '--split-max-size', 'x'], '--split-max-size takes a size'],
  [['a.gguf', 'b.gguf', '--type', 'f16', '--split-max-size', '1GB', '--keep-split'], 'exclude each other'],
])('misuse exits 2: %j', async (args, message) => {
  const { code, stderr } = await quantizeHere(...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
