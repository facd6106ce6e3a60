/**
 * What llama-quantize makes of a model: which tensors change their type, in which order they stand, what the metadata
 * says. Numbers are not looked at here.
 */
import { GgufError, quote } from './errors.ts';
import type { GgmlType } from './ggml_types.ts';
import type { Gguf, TensorInfo } from './gguf.ts';
import { type MetadataInput, type TensorSpec, uint32 } from './writer.ts';

export interface PlannedTensor extends TensorSpec {
  /** Of the type that it has now. */
  readonly source: TensorInfo;
}

export interface QuantizePlan {
  readonly metadata: readonly (readonly [string, MetadataInput])[];
  readonly tensors: readonly PlannedTensor[];
  /** Matrices that keep their type because their rows are not whole blocks of the new one. */
  readonly unevenTensors: readonly TensorInfo[];
}

/** `general.file_type` of a file whose matrices are mostly of a type (llama_ftype): the types that can be written. */
const fileTypes: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };

export const quantizeTypeNames: readonly string[] = Object.keys(fileTypes);

/** From what to what. A quantised tensor is not quantised again: what it lost the first time would not come back. */
const conversions: Readonly<Record<string, readonly string[]>> = {
  F32: quantizeTypeNames,
  F16: quantizeTypeNames,
  BF16: quantizeTypeNames,
  Q8_0: ['F32'],
};

/** GGML_QNT_VERSION. */
const QUANTIZATION_VERSION = 2;

/** `type` is one of `quantizeTypeNames`. Throws a `GgufError` naming a tensor that can't be converted. */
export function planQuantize(gguf: Gguf, type: GgmlType): QuantizePlan {
  const tensors = inLlamaOrder([...gguf.tensors.values()]);
  return {
    metadata: quantizedMetadata(gguf, fileTypes[type.name]!),
    tensors: tensors.map((source) => ({
      name: source.name,
      dimensions: source.dimensions,
      type: wanted(source, type),
      source,
    })),
    unevenTensors: tensors.filter((tensor) => isQuantized(tensor) && !isEven(tensor, type)),
  };
}

function wanted(tensor: TensorInfo, type: GgmlType): GgmlType {
  if (tensor.type === type || !isQuantized(tensor) || !isEven(tensor, type)) return tensor.type;
  if (conversions[tensor.type.name]?.includes(type.name)) return type;
  throw new GgufError(
    tensor.source.name,
    `tensor ${quote(tensor.name)} is ${tensor.type.name} and can't become ${type.name}; quantise the model's F32, F16 or BF16 file`,
  );
}

function isEven({ dimensions }: TensorInfo, type: GgmlType): boolean {
  return dimensions[0]! % type.blockLength === 0;
}

/** Matrices that llama.cpp leaves as they are, small or sensitive, by a part of their names. */
const exemptNames = [
  '_norm.weight',
  'ffn_gate_inp.weight',
  'ffn_gate_tid2eid.weight',
  'altup',
  'laurel',
  'per_layer_model_proj',
  'ssm_conv1d',
  'shortconv.conv.weight',
  'indexer.k_proj.weight',
  'indexer.q_proj.weight',
  'attn_rel_b.weight',
  '.position_embd',
  'sam.pos_embd',
  'sam.neck.',
  'sam.net_',
  '.rel_pos',
  '.patch_embd',
  '.patch_merger',
  'a.rvq.codebook',
  'mm.a.code_embd',
  ...[
    'first',
    'w0',
    'w1',
    'w2',
    'v0',
    'v1',
    'v2',
    'a0',
    'a1',
    'a2',
    'g1',
    'g2',
    'decay_w1',
    'decay_w2',
    'lerp_fused',
  ].map((part) => `time_mix_${part}.weight`),
];
const exemptWholeNames = ['position_embd.weight', 'token_types.weight'];

/** ggml counts dimensions up to the last that is not 1. */
function isQuantized({ name, dimensions }: TensorInfo): boolean {
  if (dimensions.findLastIndex((length) => length > 1) < 1) return false;
  if (!name.endsWith('weight') || exemptWholeNames.includes(name)) return false;
  return !exemptNames.some((part) => name.includes(part));
}

/** What belongs to no layer first, then layer by layer; within each by name. */
function inLlamaOrder(tensors: readonly TensorInfo[]): TensorInfo[] {
  const layerOf = (name: string) => Number(/^blk\.(\d+)/.exec(name)?.[1] ?? -1);
  return tensors.toSorted((a, b) => layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : 1));
}

/** Written anew; a split's own keys are left to who writes one. */
const replacedKeys = new Set([
  'general.quantization_version',
  'general.file_type',
  'split.no',
  'split.count',
  'split.tensors.count',
]);

function quantizedMetadata({ metadata }: Gguf, fileType: number): (readonly [string, MetadataInput])[] {
  return [
    ...Array.from(metadata.entries()).filter(([key]) => !replacedKeys.has(key)),
    ['general.quantization_version', uint32(QUANTIZATION_VERSION)],
    ['general.file_type', uint32(fileType)],
  ];
}
