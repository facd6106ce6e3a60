/** A sequence of the cache apart from its GPU: its tokens, then its keys and values as whole pages, layer by layer. */

import type { Gguf, TensorInfo } from '../gguf/gguf.ts';
import { type ByteSource, readBytes } from '../gguf/source.ts';
import type { ModelConfig } from '../models/config.ts';

/** What is read is no sequence of this model, or not whole. */
export class SnapshotError extends Error {
  override name = 'SnapshotError';
}

/** What a sequence goes with: of another, keys and values mean nothing. */
export interface SnapshotOwner {
  /** Of the model's weights and the way it stores keys and values. */
  readonly fingerprint: string;
  readonly vocabLength: number;
  /** Positions that there is room for. */
  readonly contextLength: number;
}

const magic = 'webgguf kv 1\n';
/** Before the tokens: the magic, the fingerprint in hexadecimal (SHA-256), how many tokens (u32, little endian). */
const fingerprintLength = 64;
const headLength = magic.length + fingerprintLength + 4;

export function snapshotHead({ fingerprint }: SnapshotOwner, tokens: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(headLength + 4 * tokens.length);
  new TextEncoder().encodeInto(magic + fingerprint, bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(headLength - 4, tokens.length, true);
  tokens.forEach((token, i) => {
    view.setUint32(headLength + 4 * i, token, true);
  });
  return bytes;
}

/** The tokens of a snapshot, and where its pages begin; `bytesOf` says what so many tokens' pages take. */
export async function readSnapshotHead(
  source: ByteSource,
  owner: SnapshotOwner,
  bytesOf: (tokenCount: number) => number,
): Promise<{ tokens: number[]; offset: number }> {
  if (source.byteLength < headLength) throw new SnapshotError('it is too short to hold a sequence');
  const head = await readBytes(source, 0, headLength);
  const text = new TextDecoder('latin1').decode(head);
  if (!text.startsWith(magic)) throw new SnapshotError('it does not hold a sequence of keys and values');
  if (text.slice(magic.length, magic.length + fingerprintLength) !== owner.fingerprint) {
    throw new SnapshotError('it is of another model, or was made with another precision or type of keys and values');
  }
  const count = new DataView(head.buffer).getUint32(headLength - 4, true);
  if (count > owner.contextLength) {
    throw new SnapshotError(`it has ${count} tokens, and the context holds ${owner.contextLength}`);
  }
  const offset = headLength + 4 * count;
  const wanted = offset + bytesOf(count);
  if (source.byteLength !== wanted)
    throw new SnapshotError(`it has ${source.byteLength} bytes; ${count} tokens take ${wanted}`);
  const view = new DataView((await readBytes(source, headLength, 4 * count)).buffer);
  const tokens = Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  const wrong = tokens.find((token) => token >= owner.vocabLength);
  if (wrong !== undefined) throw new SnapshotError(`token ${wrong} is not in the vocabulary of ${owner.vocabLength}`);
  return { tokens, offset };
}

/** Bytes of each tensor that stand for the weights: enough to tell fine-tunes of one model apart. */
const sampleBytes = 4096;

/** SHA-256 of a model's shape, of a sample of its weights, and of how its keys and values are computed and stored. */
export async function fingerprintOf(gguf: Gguf, config: ModelConfig, numerics: readonly string[]): Promise<string> {
  const tensors = [...gguf.tensors.values()];
  const shape = tensors.map(({ name, type, dimensions }) => [name, type.name, dimensions]);
  const told = new TextEncoder().encode(JSON.stringify([config, shape, numerics]));
  const samples = await Promise.all(tensors.map(sampleOf));
  const all = new Blob([told, ...samples]);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await all.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function sampleOf({ source, offset, byteLength }: TensorInfo): Promise<Uint8Array<ArrayBuffer>> {
  return readBytes(source, offset, Math.min(byteLength, sampleBytes));
}
