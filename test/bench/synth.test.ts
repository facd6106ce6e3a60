/** Models that benches and long tests write for themselves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { shapeNamed } from '../../bench/shapes.ts';
import { parseSynth, writeModel } from '../../bench/synth.ts';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import { closeGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { readHeader } from '../../src/models/load.ts';
import { findLlama3Scaling, llama3RopeFreqs } from '../../src/models/rope.ts';
import { openModel } from '../../src/runtime/node_file.ts';
import { createTokenizer } from '../../src/tokenizer/index.ts';
import { randomHeader } from '../fixtures/header_only.ts';
import { ALIA_TENSOR_BYTES } from '../gguf/alia_shape.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-synth-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('alia-40b is the whole of it: sizes, factors of RoPE, vocabulary', async () => {
  const gguf = await randomHeader(shapeNamed('alia-40b'));
  const tensors = [...gguf.tensors.values()];
  expect(tensors).toHaveLength(48 * 9 + 4);
  expect(tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(ALIA_TENSOR_BYTES);
  const { config } = readHeader(gguf);
  expect(config).toMatchObject({ headCount: 64, headCountKv: 8, contextLength: 163_840, vocabLength: 256_000 });
  const factors = llama3RopeFreqs(config, {
    factor: 40,
    originalContextLength: 4096,
    lowFreqFactor: 1,
    highFreqFactor: 4,
  });
  expect(factors[45]).toBeCloseTo(38.08, 2); // model.md
});

test('2b is 2 GB or a little more', async () => {
  const gguf = await randomHeader(shapeNamed('2b'));
  const bytes = [...gguf.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(bytes).toBeGreaterThan(2e9);
  expect(bytes).toBeLessThan(2.2e9);
});

describe('a file', async () => {
  const args = '--shape alia-40b --layers 2 --embedding 512 --heads 4 --kv-heads 1 --feed-forward 1024 --vocab 4000';
  const path = join(folder, 'small.gguf');
  const { shape, name } = parseSynth([...args.split(' '), path]);
  const byteLength = await writeModel(shape, name, path);
  const gguf = await openModel(path);
  afterAll(() => closeGguf(gguf));

  test('of a shape with other numbers is what was asked for, to the byte', () => {
    expect(gguf.sources[0]!.byteLength).toBe(byteLength);
    expect(readHeader(gguf).config).toMatchObject({
      blockCount: 2,
      embeddingLength: 512,
      headCount: 4,
      headCountKv: 1,
      feedForwardLength: 1024,
      vocabLength: 4000,
      contextLength: 163_840,
    });
  });

  test('has finite weights of the deviation that keeps activations where they are', async () => {
    for (const [tensorName, gain] of [
      ['blk.0.attn_q.weight', 1.5],
      ['blk.1.ffn_down.weight', 1],
      ['output.weight', 2.5],
    ] as const) {
      const { source, offset, byteLength, dimensions } = gguf.tensors.get(tensorName)!;
      const values = dequantize('Q8_0', await readBytes(source, offset, byteLength));
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
      expect(deviation * Math.sqrt(dimensions[0]!), tensorName).toBeCloseTo(
        gain,
        tensorName === 'output.weight' ? 0 : 1,
      );
    }
  });

  test('carries factors, a vocabulary that makes text of ids, and a template', async () => {
    const { source, offset, byteLength } = gguf.tensors.get('rope_freqs.weight')!;
    const factors = new Float32Array((await readBytes(source, offset, byteLength)).buffer);
    const { config } = readHeader(gguf);
    expect(findLlama3Scaling(config, factors)).toMatchObject({ factor: 40, originalContextLength: 4096 });
    const tokenizer = createTokenizer(gguf.metadata);
    const ids = tokenizer.encode('hola ñ\n<|im_end|>', { parseSpecial: true });
    expect(ids.at(-1)).toBe(5);
    expect(tokenizer.decode(ids)).toContain('hola ñ\n');
    expect(gguf.metadata.string('tokenizer.chat_template')).toContain('<|im_start|>assistant\\n');
  });
});

test('arguments that are none', () => {
  expect(() => parseSynth([])).toThrow('usage: node bench/synth.ts');
  expect(() => parseSynth(['--shape', '9T', 'x.gguf'])).toThrow('no shape "9T"; there are 57M, 400M, 2b, alia-40b');
  expect(() => parseSynth(['--layers', '0', 'x.gguf'])).toThrow('--layers takes a number of at least 1, not "0"');
});
