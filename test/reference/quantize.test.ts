import { describe, expect, test } from 'vitest';
import { dequantize } from '../../kernels/quants/dequantize.ts';
import { quantize } from '../../kernels/quants/quantize.ts';
import type { Gguf, TensorInfo } from '../../src/gguf/gguf.ts';
import { closeGguf, openGguf } from '../../src/gguf/open.ts';
import { readBytes } from '../../src/gguf/source.ts';
import { openFile } from '../../src/runtime/node_file.ts';
import { hasSharedData, sharedData } from '../fixtures/shared_data.ts';

describe.skipIf(!hasSharedData)('against llama-quantize, byte for byte', () => {
  test.each(['q8_0', 'f16', 'bf16'])('f32 to %s', async (type) => {
    const from = await open('f32');
    const to = await open(type);
    for (const tensor of to.tensors.values()) {
      const values = dequantize('F32', await bytesOf(from.tensors.get(tensor.name)!));
      expect(Buffer.compare(quantize(tensor.type.name, values), await bytesOf(tensor)), tensor.name).toBe(0);
    }
    await Promise.all([closeGguf(from), closeGguf(to)]);
  });

  test('q8_0 to f32', async () => {
    const from = await open('q8_0');
    const to = await open('q8_0-dequant-f32');
    for (const tensor of to.tensors.values()) {
      const source = from.tensors.get(tensor.name)!;
      const values = dequantize(source.type.name, await bytesOf(source));
      expect(Buffer.compare(quantize('F32', values), await bytesOf(tensor)), tensor.name).toBe(0);
    }
    await Promise.all([closeGguf(from), closeGguf(to)]);
  });
});

async function open(type: string): Promise<Gguf> {
  return openGguf(await openFile(sharedData(`models/stories260K-untied-ff192-${type}.gguf`)));
}

function bytesOf(tensor: TensorInfo): Promise<Uint8Array> {
  return readBytes(tensor.source, tensor.offset, tensor.byteLength);
}
