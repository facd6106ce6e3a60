/** What a model needs beside weights, keys and values: `forward` itself says it, recorded where nothing is allocated. */
import type { KvType } from '../../kernels/parts/kv.ts';
import type { Weights } from '../weights/load.ts';
import { type Matrix, type MatrixSpec, tileLayouts } from '../weights/matrix.ts';
import type { Architecture, ModelTensors } from './architecture.ts';
import type { ModelConfig } from './config.ts';
import { Graph, type GraphRecorder, type Precision } from './graph.ts';
import { samplingPlanWords, samplingTableWords } from './sampling_sizes.ts';
import { type StepLimits, stepTableWords } from './step.ts';

/** What of a header is planned with. */
export interface PlannedModel {
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  readonly tensors: ModelTensors;
}

/** GPU bytes of a recorded plan's own buffers, and of the tables of its steps and samplings. */
export function activationBytes(
  { config, architecture, tensors }: PlannedModel,
  limits: StepLimits,
  kvType: KvType,
  precision: Precision,
): number {
  const buffers = new Map<string, GPUBuffer>();
  const own = (label: string, byteLength: number) => {
    const size = Math.ceil(byteLength / 4) * 4;
    const buffer = buffers.get(label) ?? ({ label, size } as GPUBuffer);
    buffers.set(label, buffer);
    return buffer;
  };
  const recorder: GraphRecorder = {
    buffer: own,
    uniform: (label, { byteLength }) => ({ buffer: own(label, byteLength) }),
    dispatch: () => undefined,
  };
  const step = { limits, table: () => nowhere, range: () => nowhere, scoredRange: () => nowhere };
  const kv = { type: kvType, pageCount: limits.maxPages, layers: [] };
  architecture.forward(new Graph(recorder, config, step, precision, true), config, namesOf(tensors), kv);

  const { vocabLength } = config;
  const { maxLogits, sequences } = limits;
  const tables = [
    stepTableWords(config, limits),
    samplingTableWords(vocabLength, maxLogits, sequences),
    samplingPlanWords(vocabLength, maxLogits),
  ];
  const tableBytes = 4 * sum(tables.flatMap((words) => Object.values(words)));
  return tableBytes + sum(Array.from(buffers.values(), ({ size }) => size));
}

/** Stands where a kernel would be bound. */
const nowhere = { buffer: {} as GPUBuffer };
const noLimits = { maxBufferSize: Number.MAX_SAFE_INTEGER, maxStorageBufferBindingSize: Number.MAX_SAFE_INTEGER };

/** Which weights there are and of what types, as `forward` asks for them; none of them anywhere. */
function namesOf({ embeddings, output, matrices, vectors }: ModelTensors): Weights {
  const specs = [embeddings, ...matrices, ...(output ? [output] : [])];
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const vectorNames = new Set(vectors.map(({ name }) => name));
  const find = (name: string) => {
    const spec = byName.get(name);
    return spec && placeless(spec);
  };
  return {
    matrix: (name) => find(name) as Matrix,
    find,
    vector: () => nowhere.buffer,
    findVector: (name) => (vectorNames.has(name) ? nowhere.buffer : undefined),
    stream: undefined,
    slots: [],
    byteLength: 0,
    destroy: async () => undefined,
  };
}

function placeless(spec: MatrixSpec): Matrix {
  const { name, rowLength, rowCount } = spec;
  const tiles = tileLayouts(spec, noLimits).map(({ type, rowStart, rowCount }) => {
    return { label: name, resident: true, type, rowStart, rowCount, planes: {}, tile: nowhere };
  });
  return { name, rowLength, rowCount, tiles };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
