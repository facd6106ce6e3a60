/** What every file must come to: a result that holds together, or one clear error; soon, and in little memory. */
import { describeAsJson } from '../../../src/cli/inspect/json.ts';
import { describe } from '../../../src/cli/inspect/text.ts';
import { bytesSource } from '../../../src/gguf/bytes.ts';
import { GgufError } from '../../../src/gguf/errors.ts';
import { ggmlType } from '../../../src/gguf/ggml_types.ts';
import type { Gguf } from '../../../src/gguf/gguf.ts';
import { openGguf } from '../../../src/gguf/open.ts';
import { planQuantize } from '../../../src/gguf/quantize_plan.ts';
import { withRawBytes } from '../../../src/gguf/raw_entries.ts';
import { type ByteSource, requireRange } from '../../../src/gguf/source.ts';
import { layoutGguf } from '../../../src/gguf/writer.ts';
import { planFile } from '../../../src/inspect/plan.ts';
import { summarize } from '../../../src/inspect/summary.ts';
import { createTokenizer, TokenizerError } from '../../../src/tokenizer/index.ts';
import type { Input } from './mutate.ts';

const NAME = 'm-00001-of-00003.gguf';

/**
 * How `input` ended: the refusal's words without names and numbers, or `read` and what could be done with it. Throws
 * where anything but a clear refusal comes.
 */
export async function examine(input: Input, siblings: readonly Input[]): Promise<string> {
  const openSibling = async (fileName: string) => {
    const sibling = siblings[Number(/-(\d+)-of-/.exec(fileName)?.[1]) - 2];
    if (!sibling) throw new GgufError(fileName, 'there is no such file');
    return inputSource(sibling, fileName);
  };
  const gguf = await refusedOr(() => openGguf(inputSource(input, NAME), openSibling));
  if (typeof gguf === 'string') return gguf;
  requireInside(gguf);
  const summary = await summarize(gguf);
  const plan = await planFile(gguf, { kvType: 'f16' }, { isRunnable: summary.obstacle === null, isLocal: false });
  requireFinite(Object.values(plan));
  requireLines(describe(gguf, summary, plan), gguf);
  JSON.parse(describeAsJson(gguf, summary, plan));
  const flaws = [summary.obstacle, 'flaw' in summary.rope && summary.rope.flaw].map((flaw) => flaw && anonymous(flaw));
  return ['read', await quantized(gguf), await tokenized(gguf), ...flaws.filter((flaw) => flaw)].join('; ');
}

/** A source whose bytes behind the header are zeros, and not in memory. */
function inputSource({ header, byteLength }: Input, name: string): ByteSource {
  const source: ByteSource = {
    name,
    byteLength,
    async read(offset, target) {
      requireRange(source, offset, target.length);
      const known = header.subarray(offset, offset + target.length);
      target.set(known);
      target.fill(0, known.length);
    },
    async close() {},
  };
  return source;
}

/** The result, or a refusal's words; throws where a refusal is not what it must be. */
async function refusedOr<T>(action: () => Promise<T>): Promise<T | string> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof GgufError || error instanceof TokenizerError)) throw error;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    if (/[\u0000-\u001f]/.test(error.message)) throw new Error(`unsafe: ${JSON.stringify(error.message)}`);
    if (error.message.length > 600) throw new Error(`${error.message.length} characters: ${error.message}`);
    return anonymous(error.message);
  }
}

function anonymous(message: string): string {
  return message.replace(/"(?:[^"\\]|\\.)*"/g, '"…"').replace(/\d+/g, '#');
}

/** What the engine relies on and does not check again. */
function requireInside({ tensors }: Gguf): void {
  for (const { name, source, offset, byteLength, dimensions, type } of tensors.values()) {
    const elements = dimensions.reduce((product, length) => product * length, 1);
    const isRight =
      byteLength === (elements / type.blockLength) * type.blockBytes &&
      [offset, byteLength, elements].every(Number.isSafeInteger) &&
      offset >= 0 &&
      offset + byteLength <= source.byteLength;
    if (!isRight) throw new Error(`tensor ${JSON.stringify(name)} is not inside its file`);
  }
}

function requireFinite(values: readonly unknown[]): void {
  const wrong = values.find((value) => typeof value === 'number' && !(Number.isFinite(value) && value >= 0));
  if (wrong !== undefined) throw new Error(`the memory plan has ${wrong}`);
}

/** A line per key and per tensor, and some more; nothing that a terminal obeys. */
function requireLines(text: string, { metadata, tensors }: Gguf): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/.test(text)) throw new Error('inspect prints controls');
  const lines = text.split('\n');
  if (lines.length > [...metadata.keys()].length + tensors.size + 40) throw new Error('inspect prints too many lines');
  const longest = Math.max(...lines.map(({ length }) => length));
  if (longest > 2500) throw new Error(`inspect prints a line of ${longest}`);
}

/** Plans it as Q8_0; what would be written must be read again. */
async function quantized(gguf: Gguf): Promise<string> {
  const plan = await refusedOr(async () => planQuantize(gguf, ggmlType('Q8_0')));
  if (typeof plan === 'string') return plan;
  const entries = await withRawBytes(gguf.sources[0]!, plan.metadata);
  const { header, byteLength } = layoutGguf(entries, plan.tensors);
  const again = await openGguf(inputSource({ header, byteLength }, 'again.gguf'));
  const keys = [...again.metadata.keys()];
  const isSame = again.tensors.size === gguf.tensors.size && keys.length === plan.metadata.length;
  if (!isSame) throw new Error('what was written is not what was read');
  return `${plan.unevenTensors.length > 0 ? 'un' : ''}even`;
}

async function tokenized({ metadata }: Gguf): Promise<string> {
  const tokenizer = await refusedOr(async () => createTokenizer(metadata, { onWarning: () => {} }));
  if (typeof tokenizer === 'string') return tokenizer;
  return refusedOr(async () => {
    tokenizer.decode(tokenizer.encode('Once upon a time\n<|im_end|> ñ 🦙', { parseSpecial: true }));
    return 'tokenized';
  });
}

/** Behind the header: factors of RoPE, where their tensor is the first. */
const KEPT_DATA_BYTES = 256;

/** A file's header with the beginning of its data. */
export async function wholeInput(bytes: Uint8Array<ArrayBuffer>): Promise<Input> {
  const gguf = await openGguf(bytesSource(bytes)).catch(() => undefined);
  const dataOffset = Math.min(bytes.length, ...Array.from(gguf?.tensors.values() ?? [], ({ offset }) => offset));
  return { header: bytes.slice(0, dataOffset + KEPT_DATA_BYTES), byteLength: bytes.length };
}
