import { mul_mat_vec } from '../../kernels/mul_mat_vec.ts';
import type { ActivationFormat } from '../../kernels/parts/activation.ts';
import { rangeWords } from '../../kernels/parts/range.ts';
import { blockLength, paddedLength } from '../../kernels/quants/block_type.ts';
import type { TensorInfo } from '../gguf/gguf.ts';
import { type BufferRange, createBuffer } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { describe, type Pipelines } from '../gpu/pipelines.ts';
import { bind } from '../gpu/plan.ts';
import { median } from '../gpu/timing.ts';
import { chosenVariant } from '../gpu/variants.ts';
import { Delivery } from './delivery.ts';
import {
  blockTypeOf,
  concatenated,
  type MatrixSpec,
  type RowTile,
  rowLengthOf,
  type TileForm,
  type TileLayout,
  tileLayouts,
  typeInFile,
} from './matrix.ts';
import { type Piece, piecesOf } from './piece.ts';
import { longestStaging } from './staging.ts';

const forms = ['planes', 'blocks'] as const satisfies readonly TileForm[];
/** Turns in which the forms are timed, after one that drivers compile in. */
const rounds = 3;
/** Milliseconds; where a form takes longer than this, no more is timed. */
const longestRun = 1000;
/** Any byte of which weights and scales are ordinary numbers. */
const filler = 0x11;

/**
 * The form in which streamed tiles are faster on this device, from staging memory to the product with one token. Timed over
 * `sampleBytes` of the largest streamed tensor that tiles may hold in both, unless it is among the device's findings; `planes`
 * where there is none. All that it allocates, about three times `sampleBytes`, is freed again.
 */
export async function fasterForm(
  device: Device,
  pipelines: Pipelines,
  streamed: readonly MatrixSpec[],
  sampleBytes: number,
  activation: ActivationFormat,
): Promise<TileForm> {
  const tensor = largestOfBothForms(streamed);
  if (!tensor) return 'planes';
  const type = blockTypeOf(tensor).name;
  const name = `streamed form ${describe({ type, rowLength: rowLengthOf(tensor), sampleBytes, activation })}`;
  const { races } = device.findings;
  const known = forms.find((form) => form === races.get(name)?.best);
  const best = known ?? (await timedForm(new Sample(device, pipelines, tensor, sampleBytes, activation)));
  races.set(name, { best, tried: forms, rounds });
  return best;
}

/** `planes` also on devices so slow that a comparison takes too long. */
async function timedForm(sample: Sample): Promise<TileForm> {
  try {
    const runs = { planes: await sample.prepare('planes'), blocks: await sample.prepare('blocks') };
    const times: Record<TileForm, number[]> = { planes: [], blocks: [] };
    for (const form of forms) await runs[form]();
    for (let round = 0; round < rounds; round++) {
      for (const form of forms) {
        const began = performance.now();
        await runs[form]();
        times[form].push(performance.now() - began);
        if (performance.now() - began > longestRun) return 'planes';
      }
    }
    return median(times.blocks) < median(times.planes) ? 'blocks' : 'planes';
  } finally {
    sample.destroy();
  }
}

function largestOfBothForms(streamed: readonly MatrixSpec[]): TensorInfo | undefined {
  return streamed
    .flatMap(({ parts }) => parts.map(({ tensor }) => tensor))
    .filter((tensor) => typeInFile(blockTypeOf(tensor), rowLengthOf(tensor)))
    .reduce<TensorInfo | undefined>((largest, tensor) => {
      return largest && largest.byteLength >= tensor.byteLength ? largest : tensor;
    }, undefined);
}

/** The first rows of a tensor, as a tile of each form, and what multiplies them with a token. */
class Sample {
  readonly #device: Device;
  readonly #pipelines: Pipelines;
  readonly #spec: MatrixSpec;
  readonly #bytes: number;
  readonly #activation: ActivationFormat;
  readonly #made: { destroy(): void }[] = [];

  constructor(device: Device, pipelines: Pipelines, tensor: TensorInfo, bytes: number, activation: ActivationFormat) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#spec = concatenated(tensor.name, [tensor]);
    this.#bytes = bytes;
    this.#activation = activation;
  }

  /** What brings the tile and multiplies it once; it resolves when the GPU is done. */
  async prepare(form: TileForm): Promise<() => Promise<void>> {
    const { gpu } = this.#device;
    const tile = await this.#tile(form);
    const pieces = piecesOf(this.#spec, tile, this.#bytes, { buffer: await this.#buffer('flaws', 4) });
    const staging = await this.#staging(pieces);
    const delivery = this.#own(await Delivery.create(this.#device, this.#pipelines, pieces));
    for (const piece of pieces) await delivery.prepare(piece);
    const encodeProduct = await this.#product(tile);
    return async () => {
      for (const piece of pieces) delivery.submit({ piece, staging });
      const encoder = gpu.createCommandEncoder();
      encodeProduct(encoder);
      gpu.queue.submit([encoder.finish()]);
      await this.#device.unlessLost(gpu.queue.onSubmittedWorkDone());
      this.#device.check();
    };
  }

  async #tile(form: TileForm): Promise<RowTile> {
    const [layout] = tileLayouts(this.#spec, this.#device.limits, this.#bytes, form) as [TileLayout];
    const { type, rowStart, rowCount, byteLength } = layout;
    const buffer = await this.#buffer('tile', byteLength);
    const planes = Object.entries(layout.planes).map(([name, range]) => [name, { buffer, ...range }]);
    const tile = await this.#uniform('tile rows', new Uint32Array([0, Math.ceil(rowCount / 2), 0, 0]));
    const label = `${this.#spec.name} as ${form}`;
    return { label, resident: false, type, rowStart, rowCount, planes: Object.fromEntries(planes), tile };
  }

  async #staging(pieces: readonly Piece[]): Promise<GPUBuffer> {
    const staging = await this.#buffer('staging', longestStaging(pieces), 'staging');
    await this.#device.unlessLost(staging.mapAsync(GPUMapMode.WRITE));
    new Uint8Array(staging.getMappedRange()).fill(filler);
    staging.unmap();
    return staging;
  }

  /** Encodes the tile's product with one token. */
  async #product({ type, rowCount, planes, tile }: RowTile): Promise<(encoder: GPUCommandEncoder) => void> {
    const { rowLength } = this.#spec;
    const activation = type.int8 ? this.#activation : 'f32';
    const dstStride = paddedLength(rowCount);
    const shape = {
      type: type.name,
      activation,
      after: 'store',
      rows: rowCount,
      rowLength,
      dstStride,
      columns: 1,
    } as const;
    const variant = chosenVariant(mul_mat_vec, shape, this.#device);
    const compiled = await this.#pipelines.compile(mul_mat_vec, shape, variant);
    const values = paddedLength(rowLength);
    const act: Record<string, BufferRange> =
      activation === 'f32'
        ? { act: { buffer: await this.#buffer('act', values * 4) } }
        : {
            act_q: { buffer: await this.#buffer('act q', values) },
            act_s: { buffer: await this.#buffer('act s', (values / blockLength) * 4) },
          };
    const dst = { buffer: await this.#buffer('dst', dstStride * 4) };
    const range = await this.#uniform('range', rangeWords(0, 1));
    const bindGroup = await bind(this.#device, compiled, { ...planes, ...act, tile, dst, range });
    return (encoder) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(compiled.pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...mul_mat_vec.workgroups(shape, variant, 1));
      pass.end();
    };
  }

  async #uniform(label: string, words: Uint32Array<ArrayBuffer>): Promise<BufferRange> {
    const buffer = await this.#buffer(label, words.byteLength, 'uniform');
    this.#device.gpu.queue.writeBuffer(buffer, 0, words);
    return { buffer };
  }

  async #buffer(label: string, byteLength: number, usage?: 'uniform' | 'staging'): Promise<GPUBuffer> {
    return this.#own(await createBuffer(this.#device, `sample ${label}`, byteLength, usage));
  }

  #own<T extends { destroy(): void }>(resource: T): T {
    this.#made.push(resource);
    return resource;
  }

  destroy(): void {
    for (const resource of this.#made) resource.destroy();
  }
}
