import { expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { ggmlType } from '../../src/gguf/ggml_types.ts';
import type { Gguf } from '../../src/gguf/gguf.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { planQuantize } from '../../src/gguf/quantize_plan.ts';
import { fileParts, groupBySize } from '../../src/gguf/split_plan.ts';
import { encodeGguf, layoutGguf, type MetadataInput, uint32 } from '../../src/gguf/writer.ts';

type Stated = readonly [name: string, dimensions: number[], type?: string];

async function model(tensors: readonly Stated[], metadata: [string, MetadataInput][] = []): Promise<Gguf> {
  const specs = tensors.map(([name, dimensions, type = 'F32']) => ({ name, dimensions, type: ggmlType(type) }));
  return openGguf(bytesSource(await encodeGguf(metadata, specs), 'x.gguf'));
}

test('matrices change their type; vectors, norms and what llama.cpp exempts keep it', async () => {
  const changed = ['output.weight', 'token_embd.weight', 'blk.0.ffn_down_exps.weight', 'blk.0.my_weight'];
  const kept = [
    'position_embd.weight',
    'token_types.weight',
    'v.position_embd.weight',
    'blk.0.attn_q_norm.weight',
    'blk.0.ffn_gate_inp.weight',
    'blk.0.ssm_conv1d.weight',
    'blk.0.time_mix_decay_w2.weight',
    'blk.0.attn_q.bias',
    'weights',
  ];
  const tensors: Stated[] = [...changed, ...kept].map((name) => [name, [64, 2, 2]]);
  const plan = planQuantize(
    await model([...tensors, ['vector.weight', [64]], ['column.weight', [64, 1]]]),
    ggmlType('Q8_0'),
  );
  const byType = Object.groupBy(plan.tensors, ({ type }) => type.name);
  expect(byType.Q8_0?.map(({ name }) => name).sort()).toEqual([...changed].sort());
  expect(byType.F32).toHaveLength(kept.length + 2);
});

test('tensors stand as llama-quantize has them: outside of layers, then by the number of the layer', async () => {
  const names = ['blk.10.b.weight', 'blk.2.a.weight', 'token_embd.weight', 'blk.2.B.weight', 'output.weight'];
  const plan = planQuantize(await model(names.map((name) => [name, [32, 2]])), ggmlType('F16'));
  expect(plan.tensors.map(({ name }) => name)).toEqual([
    'output.weight',
    'token_embd.weight',
    'blk.2.B.weight',
    'blk.2.a.weight',
    'blk.10.b.weight',
  ]);
});

test('rows that are not whole blocks keep their type', async () => {
  const gguf = await model([
    ['a.weight', [48, 2], 'F16'],
    ['b.weight', [64, 2], 'F16'],
    ['c.weight', [33]],
  ]);
  const plan = planQuantize(gguf, ggmlType('Q8_0'));
  expect(plan.tensors.map(({ type }) => type.name)).toEqual(['F16', 'Q8_0', 'F32']);
  expect(plan.unevenTensors.map(({ name }) => name)).toEqual(['a.weight']);
});

test('what was quantised is not quantised again', async () => {
  const q8 = await model([['a.weight', [32, 2], 'Q8_0']]);
  expect(planQuantize(q8, ggmlType('Q8_0')).tensors[0]!.type.name).toBe('Q8_0');
  expect(planQuantize(q8, ggmlType('F32')).tensors[0]!.type.name).toBe('F32');
  expect(() => planQuantize(q8, ggmlType('F16'))).toThrow('x.gguf: tensor "a.weight" is Q8_0 and can\'t become F16');
  const q4 = await model([['a.weight', [32, 2], 'Q4_0']]);
  expect(() => planQuantize(q4, ggmlType('F32'))).toThrow(
    "is Q4_0 and can't become F32; quantise the model's F32, F16",
  );
});

test('metadata is kept, the quantisation and no split written behind it', async () => {
  const metadata: [string, MetadataInput][] = [
    ['general.file_type', uint32(0)],
    ['general.name', 'x'],
    ['split.count', { type: 'uint16', value: 1 }],
    ['split.other', 'kept'],
  ];
  const plan = planQuantize(await model([], metadata), ggmlType('BF16'));
  expect(plan.metadata.map(([key]) => key)).toEqual([
    'general.name',
    'split.other',
    'general.quantization_version',
    'general.file_type',
  ]);
  expect(plan.metadata.slice(2).map(([, input]) => input)).toEqual([uint32(2), uint32(32)]);
});

test('parts have at most the bytes asked for, but for a tensor that alone has more', () => {
  const type = ggmlType('F32');
  const lengths = [1000, 100, 100, 900, 3000, 100, 100];
  const tensors = lengths.map((length, i) => ({ name: `t${i}`, type, dimensions: [length] }));
  const metadata: [string, MetadataInput][] = [['a', 'x'.repeat(1000)]];
  const parts = fileParts(metadata, groupBySize(metadata, tensors, 6000));
  expect(parts.flatMap((part) => part.tensors)).toEqual(tensors);
  const sizes = parts.map((part) => layoutGguf(part.metadata, part.tensors).byteLength);
  const largest = parts.map((part) => Math.max(...part.tensors.map(({ dimensions }) => dimensions[0]!)));
  expect(largest).toEqual([1000, 900, 3000, 100]);
  expect(sizes.map((size) => size <= 6000)).toEqual([true, true, false, true]);
  expect(parts.map((part) => part.metadata.length)).toEqual([4, 3, 3, 3]);
  expect(fileParts(metadata, groupBySize(metadata, tensors, 1e6))).toEqual([{ metadata, tensors }]);
  expect(fileParts(metadata, groupBySize(metadata, [], 10))).toEqual([{ metadata, tensors: [] }]);
});
