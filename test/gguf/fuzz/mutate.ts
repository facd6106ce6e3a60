/** Files that lie: a header changed, and how long the source says it is. */
import { type Field, type FieldKind, layoutOf, type Span } from './layout.ts';
import type { Random } from './random.ts';

/** A source of `byteLength` bytes: the header's, then zeros. */
export interface Input {
  readonly header: Uint8Array<ArrayBuffer>;
  readonly byteLength: number;
}

/** One to three changes of `input`, at times with parts of `other`. */
export function mutate(input: Input, other: Input, random: Random): Input {
  let mutant = input;
  for (let i = random.below(3); i >= 0; i--) mutant = random.pick(mutations)(mutant, random, other);
  return mutant;
}

type Mutation = (input: Input, random: Random, other: Input) => Input;

const mutations: readonly Mutation[] = [
  lieInField,
  lieInField,
  lieInField,
  flipBits,
  overwriteText,
  repeatSpan,
  removeSpan,
  spliceSpan,
  swapValue,
  swapValue,
  nestArrays,
  cut,
  stretch,
];

/** Both sides of every limit: 0, 2^n − 1, 2^n, 2^n + 1, and what wraps around. */
const sizes = [
  0n,
  1n,
  7n,
  32n,
  33n,
  255n,
  65_535n,
  65_536n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 61n,
  2n ** 63n,
  2n ** 64n,
].flatMap((size) => [size - 1n, size, size + 1n]);

const wordsOf: Readonly<Partial<Record<FieldKind, number>>> = {
  version: 5,
  valueType: 14,
  tensorType: 45,
  dimensions: 6,
};

/** A number where a number is, of the kind that the place wants or of none. */
function lieInField(input: Input, random: Random): Input {
  const fields = layoutOf(input.header).fields.filter(({ kind }) => kind !== 'text');
  if (fields.length === 0) return flipBits(input, random);
  // Each kind as often as the others: of a vocabulary, most fields are lengths.
  const kind = random.pick([...new Set(fields.map((field) => field.kind))]);
  const field = random.pick(fields.filter((each) => each.kind === kind));
  return edit(input, (header) => writeLie(header, field, input.byteLength, random));
}

function writeLie(header: Uint8Array, { kind, offset, byteLength }: Field, sourceLength: number, random: Random): void {
  const view = new DataView(header.buffer);
  const words = wordsOf[kind];
  if (words !== undefined && random.below(4) > 0) {
    view.setUint32(offset, random.below(words), true);
    return;
  }
  const rest = BigInt(sourceLength - offset);
  const before = byteLength === 8 ? view.getBigUint64(offset, true) : 0n;
  const lie = random.pick([
    ...sizes,
    before + 1n,
    before - 1n,
    before * 2n,
    rest,
    rest - 8n,
    BigInt(random.below(2 ** 32)),
  ]);
  for (let i = 0; i < byteLength; i++) header[offset + i] = Number((BigInt.asUintN(64, lie) >> BigInt(8 * i)) & 255n);
}

function flipBits(input: Input, random: Random): Input {
  return edit(input, (header) => {
    for (let i = random.below(8); i >= 0; i--) {
      const at = random.below(header.length);
      header[at] = header[at]! ^ (1 << random.below(8));
    }
  });
}

/** What is no UTF-8, what moves a cursor, what other code takes for its own. */
const texts = ['\u0000', '\u001b[2J', '\n', '\u202e', '__proto__', 'general.alignment', 'split.count', '{{', '\ufeff'];
const brokenTexts = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc0, 0x80]];

function overwriteText(input: Input, random: Random): Input {
  const fields = layoutOf(input.header).fields.filter(({ kind, byteLength }) => kind === 'text' && byteLength > 0);
  if (fields.length === 0) return flipBits(input, random);
  const { offset, byteLength } = random.pick(fields);
  const text = random.below(2) === 0 ? random.pick(brokenTexts) : [...new TextEncoder().encode(random.pick(texts))];
  const at = random.below(byteLength);
  return edit(input, (header) => header.set(text.slice(0, byteLength - at), offset + at));
}

/** A key or a tensor twice, its count told or not. */
function repeatSpan(input: Input, random: Random): Input {
  return changeSpans(input, random, ([start, end], header) => [
    header.subarray(start, end),
    header.subarray(start, end),
  ]);
}

function removeSpan(input: Input, random: Random): Input {
  return changeSpans(input, random, () => []);
}

/** A key or a tensor of another file in the place of one. */
function spliceSpan(input: Input, random: Random, other: Input): Input {
  return changeSpans(input, random, (_, __, list) => {
    const spans = layoutOf(other.header)[list];
    return spans.length === 0 ? [] : [other.header.subarray(...random.pick(spans))];
  });
}

function changeSpans(
  input: Input,
  random: Random,
  change: (span: Span, header: Uint8Array, list: 'entries' | 'infos') => readonly Uint8Array[],
): Input {
  const layout = layoutOf(input.header);
  const list = random.pick(['entries', 'infos'] as const);
  if (layout[list].length === 0) return flipBits(input, random);
  const span = random.pick(layout[list]);
  const parts = change(span, input.header, list);
  const changed = replace(input, span, parts);
  if (random.below(4) === 0) return changed;
  const countOffset = list === 'infos' ? 8 : 16;
  return edit(changed, (header) => {
    const view = new DataView(header.buffer);
    view.setBigUint64(countOffset, BigInt(layout[list].length + parts.length - 1), true);
  });
}

/** Another key's value, of whatever type, where a key's was. */
function swapValue(input: Input, random: Random, other: Input): Input {
  const [own, its] = [valuesOf(input), valuesOf(other)];
  if (own.length === 0 || its.length === 0) return flipBits(input, random);
  return replace(input, random.pick(own), [other.header.subarray(...random.pick(its))]);
}

/** Arrays in arrays where a key's value was: one in the other, or many side by side. */
function nestArrays(input: Input, random: Random): Input {
  const values = valuesOf(input);
  if (values.length === 0) return flipBits(input, random);
  const depth = random.below(12);
  const width = random.pick([0, 1, 2, 1000]);
  const level = (count: number) => [9, 0, 0, 0, count & 255, count >> 8, 0, 0, 0, 0, 0, 0];
  const nested = [9, 0, 0, 0, ...Array.from({ length: depth }, () => level(1)).flat(), ...level(width)];
  return replace(input, random.pick(values), [Uint8Array.from(nested), new Uint8Array(width * 12)]);
}

/** From the type's id on. */
function valuesOf({ header }: Input): Span[] {
  const { fields, entries } = layoutOf(header);
  const types = fields.filter(({ kind }) => kind === 'valueType');
  return entries.map(([start, end]) => [types.find(({ offset }) => offset > start)!.offset, end]);
}

function cut(input: Input, random: Random): Input {
  const byteLength = random.below(2) === 0 ? random.below(input.header.length + 1) : random.below(input.byteLength + 1);
  return { header: input.header.slice(0, byteLength), byteLength };
}

/** As if the file went on, for terabytes at times. */
function stretch(input: Input, random: Random): Input {
  return { ...input, byteLength: input.byteLength + random.pick([1, 31, 4096, 2 ** 20, 2 ** 27, 2 ** 40, 2 ** 50]) };
}

function edit(input: Input, change: (header: Uint8Array<ArrayBuffer>) => void): Input {
  if (input.header.length < 24) return { header: new Uint8Array(24), byteLength: Math.max(24, input.byteLength) };
  const header = input.header.slice();
  change(header);
  return { ...input, header };
}

function replace({ header, byteLength }: Input, [start, end]: Span, parts: readonly Uint8Array[]): Input {
  const bytes = [header.subarray(0, start), ...parts, header.subarray(end)];
  const changed = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of bytes) {
    changed.set(part, at);
    at += part.length;
  }
  return { header: changed, byteLength: Math.max(changed.length, byteLength + changed.length - header.length) };
}
