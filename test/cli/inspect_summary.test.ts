import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { run } from '../../src/cli/inspect.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import { encodeGguf, type MetadataInput, uint32 } from '../../src/gguf/writer.ts';
import type { RandomModelOptions } from '../../src/models/random_model.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { runHere } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The text about these bytes, up to the metadata, in single spaces. */
async function inspectBytes(bytes: Uint8Array, ...flags: string[]): Promise<string> {
  const path = join(folder, 'x.gguf');
  writeFileSync(path, bytes);
  const { code, stdout, stderr } = await runHere(run, path, ...flags);
  expect([code, stderr]).toEqual([0, '']);
  return flags.includes('--json') ? stdout : stdout.split('\n\nMetadata')[0]!.replace(/(?<=\S) {2,}/g, ' ');
}

const inspectModel = async (options: RandomModelOptions) => inspectBytes(await randomGgufBytes(options));
const inspectKeys = async (...entries: [string, MetadataInput][]) => inspectBytes(await encodeGguf(entries));

test('what a chat model is, and where it stops', async () => {
  const text = await inspectModel({ ...fixtures.alia, metadata: { 'general.license': 'apache-2.0' } });
  expect(text).toContain('runs here yes');
  expect(text).toContain('types Q8_0 ');
  expect(text).toContain('context 4,096 tokens');
  expect(text).toContain('tokenizer llama (default), 331 tokens, BOS 1 "<s>", EOS 2 "</s>"');
  expect(text).toContain('stops 2 "</s>", 5 "<|im_end|>"');
  expect(text).toMatch(
    /template \{%- for message in messages -%\}\n +\{\{- '<\|im_start\|>' \+ message\.role \+ '\\n'/,
  );
  expect(text).toContain('licence apache-2.0');
});

test('which of the two tables of factors it has', async () => {
  expect(await inspectModel({ ...fixtures.alia, contextLength: 32_768 })).toMatch(
    /RoPE base 10000; rope_freqs\.weight: llama3 scaling by 8 from 4096 tokens\n {2}tokenizer/,
  );
  const doubtful = await inspectModel({ ...fixtures.alia, contextLength: 65_536 });
  expect(doubtful).toContain('llama3 scaling by 8 from 8192 tokens');
  expect(doubtful).toContain('if the model was trained with 4096,');
  expect(doubtful).toContain('--rope-scaling llama3 --rope-orig-context 4096 --rope-factor 8 computes');
});

test('other RoPE: linear, factors of no known scaling, factors that can not be', async () => {
  expect(await inspectModel(fixtures.linearRope)).toContain('RoPE base 10000; linear scaling by 4\n');
  const withFactors = async (values: Float32Array) => {
    const metadata: [string, MetadataInput][] = [
      ['general.architecture', 'llama'],
      ...Object.entries({
        block_count: 1,
        context_length: 64,
        embedding_length: 64,
        feed_forward_length: 64,
        'attention.head_count': 8,
      }).map(([key, value]): [string, MetadataInput] => [`llama.${key}`, uint32(value)]),
      ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-5 }],
      ['llama.vocab_size', uint32(8)],
    ];
    const data = new Uint8Array(values.buffer);
    const tensor = { name: 'rope_freqs.weight', type: ggmlType('F32'), dimensions: [values.length], data };
    return inspectBytes(await encodeGguf(metadata, [tensor]));
  };
  expect(await withFactors(Float32Array.of(1, 2, 3, 4.5))).toContain('rope_freqs.weight: 4 factors from 1 to 4.5\n');
  expect(await withFactors(Float32Array.of(1, 2, 3))).toContain('RoPE rope_freqs.weight has 3 values, not 4\n');
  expect(await withFactors(new Float32Array(5000))).toContain(
    'rope_freqs.weight is no row of factors: 20000 bytes of F32',
  );
});

test('what does not run here, and why', async () => {
  expect(await inspectKeys(['general.architecture', 'gpt2'])).toContain(
    'runs here no: architecture "gpt2" is not supp',
  );
  expect(await inspectKeys(['a', 'b'])).toMatch(
    /architecture not stated\n +runs here no: metadata key "general\.architecture" is miss/,
  );
  const q4 = { name: 'a.weight', type: ggmlType('Q4_0'), dimensions: [32, 2] };
  const bytes = await randomGgufBytes(fixtures.oneBlock);
  expect(await inspectBytes(bytes)).toContain('runs here yes');
  expect(await inspectBytes(await encodeGguf([], [q4]))).toContain('runs here no');
});

test('templates by name, tokenizers that are not known', async () => {
  const text = await inspectKeys(
    ['tokenizer.chat_template.tool_use', 'tools'],
    ['tokenizer.chat_template.rag\u001b', 'a\u001b[2J\u202e\nb'],
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'made-up'],
    ['tokenizer.ggml.tokens', ['a', '<|eot_id|>']],
  );
  expect(text).toContain('template named tool_use, "rag\\u001b"\n');
  expect(text).toMatch(/tokenizer gpt2 \(made-up\), 2 tokens\n +how it splits text is not known/);
  expect(text).toContain('stops 1 "<|eot_id|>"');
  expect(await inspectKeys(['tokenizer.chat_template', 'a\n'.repeat(9)])).toMatch(
    /template a(\n +a){5}\n +… 10 lines\n/,
  );
  const hostile = await inspectKeys(
    ['tokenizer.chat_template', 'a\u001b[2J\u202e "b" \\n\nc'],
    ['general.license', '\u001b'],
  );
  expect(hostile).toMatch(/template a\\u001b\[2J\\u202e "b" \\n\n +c\n +licence "\\u001b"/);
  expect(await inspectKeys(['tokenizer.ggml.model', 'bert'], ['tokenizer.ggml.tokens', ['a']])).toContain(
    'not supported yet; supported: llama, gpt2',
  );
});

test('memory by KV type; a plan of lies is finite', async () => {
  const bytes = await randomGgufBytes(fixtures.longHeads);
  const planOf = async (...flags: string[]) => JSON.parse(await inspectBytes(bytes, '--json', ...flags)).plan;
  const [f16, f32, q8] = [await planOf(), await planOf('--kv', 'f32'), await planOf('--kv', 'q8_0')];
  expect([f32.kvBytesPerToken, q8.kvBytesPerToken]).toEqual([2 * f16.kvBytesPerToken, (17 / 32) * f16.kvBytesPerToken]);
  const lies = await inspectBytes(
    await encodeGguf([
      ['general.architecture', 'llama'],
      ['llama.block_count', { type: 'int32', value: -5 }],
      ['llama.embedding_length', { type: 'float64', value: Number.NaN }],
      ['llama.attention.head_count', { type: 'uint64', value: 2n ** 60n }],
      ['llama.attention.head_count_kv', BigInt64Array.of(-1n, 2n ** 60n)],
      ['llama.context_length', { type: 'float32', value: Infinity }],
    ]),
    '--json',
  );
  expect(JSON.parse(lies).plan).toMatchObject({ kvBytesPerToken: 0, contextLength: 0, gpuBytes: 0 });
});
