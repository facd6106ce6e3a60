/**
 * What the homes share: models, options, results and errors. `load` is each home's own.
 *
 * @module webgguf
 */

// `AsyncDisposable`, for projects whose target is older than it.
/// <reference lib="esnext.disposable" preserve="true" />

export type { KvType } from '../kernels/parts/kv.ts';
export {
  type ChatMessage,
  ChatTemplateError,
  type Tool,
  type ToolCall,
  type ToolCallDelta,
  type ToolChoice,
  type ValueOf,
} from './chat/index.ts';
export type {
  GenerateOptions,
  GenerateResult,
  GenerateStats,
  PhaseStats,
  StopReason,
  Token,
  TokenLogprob,
} from './decoding/generate.ts';
export type { PromptProgress } from './decoding/generation.ts';
export { ContextFullError } from './decoding/kv_cache.ts';
export { SequenceBusyError } from './decoding/leases.ts';
export type { ProfileOptions } from './decoding/model.ts';
export type { ModelLoad } from './decoding/model_load.ts';
export type { SamplingOptions } from './decoding/sampling_options.ts';
export { maxTop } from './decoding/scoring.ts';
export type { StreamingStats } from './decoding/streaming_stats.ts';
export { GgufError } from './gguf/errors.ts';
export type { FileHandle } from './gguf/file_handle.ts';
export type { GgmlType } from './gguf/ggml_types.ts';
export type { Gguf, TensorInfo } from './gguf/gguf.ts';
export type {
  ByteRange,
  Metadata,
  MetadataEntry,
  MetadataValue,
  NumericArray,
  NumericType,
  ScalarType,
  ValueType,
} from './gguf/metadata.ts';
export type { ByteSource } from './gguf/source.ts';
export {
  type Device,
  type DeviceOptions,
  type FeatureName,
  type Features,
  featureNames,
  openDevice,
} from './gpu/device.ts';
export { DeviceLostError, GpuError, OutOfMemoryError } from './gpu/errors.ts';
export type { LimitName, Limits } from './gpu/limits.ts';
export type { Work } from './gpu/plan.ts';
export type { KernelTime, ProfiledBy } from './gpu/profile.ts';
export {
  checkGrammar,
  GrammarError,
  type GrammarOptions,
  type JsonSchema,
  type ResponseFormat,
  type ToolCallForm,
  type ToolFunction,
  type ToolUse,
} from './grammar/index.ts';
export type { ChatOptions, ChatResult, EmbedOptions, LLM, Maybe, ModelInfo, TextCodec } from './llm/llm.ts';
export { type LoadOptions, loadIn, type Runtime, type Source } from './llm/load.ts';
export { LocalLLM } from './llm/local.ts';
export { SnapshotError } from './llm/snapshot.ts';
export { readToolCalls, type ToolOptions, toolUseOf } from './llm/tool_calls.ts';
export { ConfigError, type ConfigOverrides } from './models/config.ts';
export type { Precision } from './models/graph.ts';
export { MemoryError } from './models/memory.ts';
export { StorageBusyError, StorageFullError } from './storage/errors.ts';
export {
  type DecodeOptions,
  type EncodeOptions,
  type SpacePrefix,
  type TextRange,
  type TextStream,
  type Tokenizer,
  TokenizerError,
  type TokenizerOptions,
} from './tokenizer/index.ts';
export type { LoadProgress } from './weights/load.ts';
export { WeightsError } from './weights/matrix.ts';
