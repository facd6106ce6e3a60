/** Every family of tiled matmuls on a row tile of ALIA's matrices: what a model's own prompts show is the device's default alone. */
import { kernels } from '../kernels/index.ts';
import type { MulMatShape } from '../kernels/mul_mat_cases.ts';
import type { ActivationFormat } from '../kernels/parts/activation.ts';
import { rangeWords } from '../kernels/parts/range.ts';
import { benchCase, type KernelBench } from '../src/bench/kernel_bench.ts';
import type { Device } from '../src/gpu/device.ts';
import type { Case, CheckedKernel, Trial } from '../src/gpu/kernel.ts';
import { Pipelines } from '../src/gpu/pipelines.ts';

export interface FamilyBench extends KernelBench {
  readonly tokens: number;
  readonly activation: ActivationFormat;
}

/** Rows of 64 MiB, and their length: of QKV, O, gate and up; of down. */
const tiles = [
  [8192, 8192],
  [2688, 24_576],
] as const;

export async function benchFamilies(device: Device, promptLengths: readonly number[]): Promise<FamilyBench[]> {
  const pipelines = new Pipelines(device);
  const mulMat = kernels.find(({ name }) => name === 'mul_mat')!;
  const onGpus: CheckedKernel = {
    ...mulMat,
    variants: (shape, features) => mulMat.variants(shape, features).filter(({ by }) => by !== 'broadcast'),
  };
  const results: FamilyBench[] = [];
  for (const tokens of promptLengths) {
    for (const activation of ['q8', 'f32'] as const) {
      for (const [rows, rowLength] of tiles) {
        const benched = await benchCase(device, pipelines, onGpus, tileCase(activation, rows, rowLength, tokens));
        results.push(...benched.map((result) => ({ ...result, tokens, activation })));
      }
    }
  }
  return results;
}

/** Of numbers that nobody asks for: a reference of as many would take hours. */
function tileCase(activation: ActivationFormat, rows: number, rowLength: number, tokens: number): Case<MulMatShape> {
  const trial = (): Trial => ({
    count: tokens,
    inputs: {
      weight_q: bytes(rows * rowLength, 1),
      weight_s: halves((rows * rowLength) / 32, 0x2000),
      act_q: bytes(tokens * rowLength, 2),
      act_s: new Float32Array((tokens * rowLength) / 32).fill(0.01),
      act: new Float32Array(tokens * rowLength).fill(0.5),
      range: rangeWords(0, tokens),
      tile: new Uint32Array([0, rows / 2]),
    },
    outputs: { dst: { expected: new Float32Array(tokens * rows), elements: 'f32' } },
  });
  const shape = { type: 'Q8_0', activation, after: 'store', rows, rowLength, dstStride: rows } as const;
  return { id: `Q8_0×${activation} ${rows}×${rowLength} n=${tokens}`, shape, trial };
}

const bytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24);
const halves = (length: number, bits: number) => new Uint16Array(length).fill(bits);
