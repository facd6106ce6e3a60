/** What a person asks of a file first, as data: what it is, whether it runs here, how it speaks. */
import { GgufError } from '../gguf/errors.ts';
import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { ConfigError } from '../models/config.ts';
import { readHeader } from '../models/load.ts';
import { findPreTokenizer } from '../tokenizer/pre_tokenizers.ts';
import { findStopTokens } from '../tokenizer/stops.ts';
import { TokenizerError } from '../tokenizer/tokenizer.ts';
import { readVocabulary } from '../tokenizer/vocabulary.ts';
import { WeightsError } from '../weights/matrix.ts';
import { type RopeSummary, summarizeRope } from './rope.ts';

export interface ModelSummary {
  readonly architecture: string | undefined;
  readonly name: string | undefined;
  readonly license: string | undefined;
  /** What keeps it from running here; null where nothing does. */
  readonly obstacle: string | null;
  readonly parameterCount: number;
  readonly types: readonly TypeShare[];
  /** Tokens that the model was trained for. */
  readonly contextLength: number | undefined;
  readonly rope: RopeSummary | Flaw;
  readonly tokenizer: TokenizerSummary | Flaw;
  readonly chatTemplates: Readonly<Record<string, string>>;
}

export interface TypeShare {
  readonly type: string;
  readonly tensorCount: number;
  readonly byteLength: number;
}

export interface TokenizerSummary {
  readonly model: string;
  readonly pre: string | undefined;
  /** What `tokenize` refuses or warns of; null where nothing is. */
  readonly doubt: string | null;
  readonly tokenCount: number;
  readonly bos: TokenSummary | undefined;
  readonly eos: TokenSummary | undefined;
  /** Generation ends on any of them. */
  readonly stops: readonly TokenSummary[];
}

export interface TokenSummary {
  readonly id: number;
  readonly text: string;
}

/** A part of the file that says what can't be. */
export interface Flaw {
  readonly flaw: string;
}

export async function summarize(gguf: Gguf): Promise<ModelSummary> {
  const tensors = [...gguf.tensors.values()];
  const architecture = textOf(gguf, 'general.architecture');
  const contextLength = gguf.metadata.get(`${architecture}.context_length`);
  return {
    architecture,
    name: textOf(gguf, 'general.name'),
    license: textOf(gguf, 'general.license'),
    obstacle: findObstacle(gguf),
    parameterCount: tensors.reduce((sum, tensor) => sum + elementCount(tensor), 0),
    types: typeShares(tensors),
    contextLength: typeof contextLength === 'number' ? contextLength : undefined,
    rope: await orFlaw(gguf, summarizeRope),
    tokenizer: await orFlaw(gguf, async () => summarizeTokenizer(gguf)),
    chatTemplates: chatTemplates(gguf),
  };
}

function textOf({ metadata }: Gguf, key: string): string | undefined {
  const value = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

function findObstacle(gguf: Gguf): string | null {
  try {
    readHeader(gguf);
  } catch (error) {
    return flawOf(gguf, error).flaw;
  }
  return null;
}

function elementCount({ dimensions }: TensorInfo): number {
  return dimensions.reduce((product, length) => product * length, 1);
}

/** The largest share first. */
function typeShares(tensors: readonly TensorInfo[]): TypeShare[] {
  const byType = Object.entries(Object.groupBy(tensors, (tensor) => tensor.type.name));
  const shares = byType.map(([type, group = []]) => {
    return { type, tensorCount: group.length, byteLength: group.reduce((sum, { byteLength }) => sum + byteLength, 0) };
  });
  return shares.sort((a, b) => b.byteLength - a.byteLength);
}

/** Read from the vocabulary alone: to build a tokenizer takes a second for the largest. */
function summarizeTokenizer({ metadata }: Gguf): TokenizerSummary {
  const model = metadata.string('tokenizer.ggml.model');
  const pre = metadata.has('tokenizer.ggml.pre') ? metadata.string('tokenizer.ggml.pre') : undefined;
  const vocabulary = readVocabulary(metadata);
  const token = (id: number) => ({ id, text: vocabulary.texts[id] ?? '' });
  const { texts, bosToken, eosToken } = vocabulary;
  return {
    model,
    pre,
    doubt: findDoubt(model, pre),
    tokenCount: texts.length,
    bos: bosToken === undefined ? undefined : token(bosToken),
    eos: eosToken === undefined ? undefined : token(eosToken),
    stops: [...findStopTokens(metadata, vocabulary)].sort((a, b) => a - b).map(token),
  };
}

function findDoubt(model: string, pre: string | undefined): string | null {
  if (model === 'llama') return null;
  if (model !== 'gpt2') return 'not supported yet; supported: llama, gpt2';
  return findPreTokenizer(pre ?? '') ? null : 'how it splits text is not known; "default" is taken';
}

/** By name; the file's first and often only one is `default`. */
function chatTemplates({ metadata }: Gguf): Record<string, string> {
  const key = 'tokenizer.chat_template';
  const templates = Array.from(metadata.entries()).filter(([name]) => name === key || name.startsWith(`${key}.`));
  const named = templates.map(([name, { value }]) => [name.slice(key.length + 1) || 'default', value] as const);
  return Object.fromEntries(named.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

async function orFlaw<T>(gguf: Gguf, summary: (gguf: Gguf) => Promise<T>): Promise<T | Flaw> {
  try {
    return await summary(gguf);
  } catch (error) {
    return flawOf(gguf, error);
  }
}

/** What the file is to blame for; anything else is thrown on. */
function flawOf({ sources }: Gguf, error: unknown): Flaw {
  const isOfFile = [GgufError, ConfigError, WeightsError, TokenizerError].some((type) => error instanceof type);
  if (isOfFile) return { flaw: (error as Error).message.replace(`${sources[0]!.name}: `, '') };
  throw error;
}
