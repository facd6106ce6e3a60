import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { closeGguf, openGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { encodeGguf } from '../../src/gguf/writer.ts';
import { openModel } from '../../src/runtime/node_file.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';

const files = (folder: string) =>
  hasSharedData ? readdirSync(sharedData(folder)).filter((name) => name.endsWith('.gguf')) : [];

const models: Record<string, [tensors: number, types: string]> = {
  'alia-shape-2l-q8_0.gguf': [22, 'F32 Q8_0'],
  'stories260K-by-llamacpp-f32.gguf': [48, 'F32'],
  'stories260K-f16.gguf': [47, 'F16 F32'],
  'stories260K-f32.gguf': [47, 'F32'],
  'stories260K-q8_0-ffndownf16.gguf': [47, 'F16 F32 Q8_0'],
  'stories260K-untied-ff192-bf16.gguf': [48, 'BF16 F32'],
  'stories260K-untied-ff192-f16.gguf': [48, 'F16 F32'],
  'stories260K-untied-ff192-f32.gguf': [48, 'F32'],
  'stories260K-untied-ff192-q4_0.gguf': [48, 'F32 Q4_0 Q8_0'],
  'stories260K-untied-ff192-q8_0-dequant-f32.gguf': [48, 'F32'],
  'stories260K-untied-ff192-q8_0.gguf': [48, 'F32 Q8_0'],
};

describe.skipIf(!hasSharedData)('real files', () => {
  test.each(files('models'))('%s has its tensors', async (name) => {
    const gguf = await openModel(sharedData(`models/${name}`));
    const tensors = [...gguf.tensors.values()];
    const types = [...new Set(tensors.map(({ type }) => type.name))].sort().join(' ');
    expect([tensors.length, types]).toEqual(models[name]);
    const data = tensors.reduce((sum, { byteLength }) => sum + Math.ceil(byteLength / 32) * 32, 0);
    expect(Math.min(...tensors.map(({ offset }) => offset)) + data).toBe(gguf.sources[0]!.byteLength);
    expect(gguf.metadata.string('general.architecture')).toBe('llama');
    expect(gguf.metadata.strings('tokenizer.ggml.tokens')).toHaveLength(512);
    await closeGguf(gguf);
  });

  test('a split model has the tensors of the whole one, byte for byte', async () => {
    const name = 'stories260K-untied-ff192-q8_0';
    const whole = await openModel(sharedData(`models/${name}.gguf`));
    const split = await openModel(sharedData(`models/split/${name}-00001-of-00003.gguf`));
    expect(split.sources).toHaveLength(3);
    expect([...split.tensors.keys()].sort()).toEqual([...whole.tensors.keys()].sort());
    for (const [tensorName, a] of whole.tensors) {
      const b = split.tensors.get(tensorName)!;
      expect([b.type, b.dimensions]).toEqual([a.type, a.dimensions]);
      const [bytes, same] = [
        await readBytes(a.source, a.offset, a.byteLength),
        await readBytes(b.source, b.offset, b.byteLength),
      ];
      expect(Buffer.compare(bytes, same), tensorName).toBe(0);
    }
    await closeGguf(whole);
    await closeGguf(split);
  });

  test.each(files('vocab'))('%s: tokens, scores and types are of one length', async (name) => {
    const gguf = await openModel(sharedData(`vocab/${name}`));
    const { metadata } = gguf;
    const { length } = metadata.strings('tokenizer.ggml.tokens');
    expect(metadata.numbers('tokenizer.ggml.token_type')).toHaveLength(length);
    if (metadata.has('tokenizer.ggml.scores')) expect(metadata.numbers('tokenizer.ggml.scores')).toHaveLength(length);
    await closeGguf(gguf);
  });

  test.each(['llama-gguf-example.gguf', 'wgml-dummy.gguf'])('odd: %s has every metadata type', async (name) => {
    const gguf = await openModel(sharedData(`gguf-odd/${name}`));
    expect(gguf.tensors.size).toBe(10);
    expect(gguf.metadata.get('some.parameter.uint64')).toBe(0x123456789abcdef0n);
    expect(gguf.metadata.get('some.parameter.int64')).toBe(-0x123456789abcdef1n);
    expect(gguf.metadata.number('some.parameter.float32')).toBe(Math.fround(0.123456789));
    expect(Array.from(gguf.metadata.numbers('some.parameter.arr.i16'))).toEqual([1, 2, 3, 4]);
    await closeGguf(gguf);
  });

  test('odd: an unaligned end is read, a truncated file refused', async () => {
    const empty = await openModel(sharedData('gguf-odd/weight-inspect-empty.gguf'));
    expect(empty.tensors.size).toBe(0);
    await closeGguf(empty);
    await expect(openModel(sharedData('gguf-odd/weight-inspect-tiny.gguf'))).rejects.toThrow(
      'tensor "test.weight.0" ends at byte 32896 but the file has 122; it is truncated, fetch it again',
    );
  });

  test('what llama.cpp wrote and we write again is the same', async () => {
    const gguf = await openModel(sharedData('models/stories260K-untied-ff192-q8_0.gguf'));
    const tensors = Array.from(gguf.tensors.values(), (tensor) => {
      const data = async function* () {
        yield await readBytes(tensor.source, tensor.offset, tensor.byteLength);
      };
      return { ...tensor, data };
    });
    const [source] = gguf.sources;
    const original = await readBytes(source!, 0, source!.byteLength);
    const written = await encodeGguf(gguf.metadata.entries(), tensors);
    expect((await openGguf(bytesSource(written))).tensors.size).toBe(48);
    expect(Buffer.compare(written, original)).toBe(0);
    await closeGguf(gguf);
  });
});
