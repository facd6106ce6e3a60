import type { Case } from '../src/gpu/kernel.ts';
import { expectedRows, f32Tolerance, padded, Random } from './case_data.ts';
import { packPages, storable } from './kv_case_data.ts';
import type { FlashAttnShape as Shape } from './parts/attention.ts';
import { complete, itemWords, partialLength } from './parts/attn_items.ts';
import { pageLength } from './parts/kv.ts';
import { rangeWords } from './parts/range.ts';
import { paddedLength } from './quants/block_type.ts';

/** Keys and values of one sequence, [positions, kv heads, head length]. */
interface Kv {
  readonly keys: Float32Array;
  readonly vals: Float32Array;
}

/**
 * Attention of one query row over positions [start, end) of a kv head, in float64: the result before it is divided by
 * `sum`, with the weights relative to `max`.
 */
export function attend(query: Float32Array, kv: Kv, kvHeads: number, kvHead: number, start: number, end: number) {
  const length = query.length;
  const at = (position: number) => (position * kvHeads + kvHead) * length;
  const scores = Array.from({ length: end - start }, (_, i) => {
    let dot = 0;
    for (let d = 0; d < length; d++) dot += (query[d] as number) * (kv.keys[at(start + i) + d] as number);
    return dot / Math.sqrt(length);
  });
  const max = Math.max(...scores);
  const result = new Float64Array(length);
  let sum = 0;
  scores.forEach((score, i) => {
    const weight = Math.exp(score - max);
    sum += weight;
    for (let d = 0; d < length; d++)
      result[d] = (result[d] as number) + weight * (kv.vals[at(start + i) + d] as number);
  });
  return { result, max, sum };
}

interface Size {
  readonly kvType: Shape['kvType'];
  readonly heads: number;
  readonly headGroup: number;
  readonly headLength: number;
  /** Kv heads before the group that is bound. */
  readonly kvHeadStart?: number;
  /** Position of the first token; the others follow it. */
  readonly position: number;
  readonly tokens: number;
  readonly itemTokens: number;
  /** Positions per item; all of them where absent. */
  readonly split?: number;
}

/** Tokens of one sequence whose pages stand in any order; with `split`, partial results. */
function flashAttnCase(size: Size): Case<Shape> {
  const { kvType, heads, headGroup, headLength, kvHeadStart = 0, position, tokens, itemTokens, split } = size;
  const allKvHeads = heads / headGroup;
  const kvHeads = allKvHeads - kvHeadStart;
  const maxPages = 4;
  const shape = { kvType, heads, headGroup, kvHeads, kvHeadStart, headLength, itemTokens, maxPages };
  const words = [`${heads}/${headGroup}×${headLength}`, `at=${position}`, `n=${tokens}`, `per item=${itemTokens}`];
  return {
    id: [kvType, ...words, split && `split=${split}`, kvHeadStart && `kvHeadStart=${kvHeadStart}`]
      .filter(Boolean)
      .join(' '),
    shape,
    tolerance: f32Tolerance,
    trial() {
      const random = new Random(position + heads);
      const positions = position + tokens;
      const kv = {
        // so that attention's own arithmetic is measured alone
        keys: storable(random.normal(positions * allKvHeads * headLength), kvType),
        vals: storable(random.normal(positions * allKvHeads * headLength), kvType),
      };
      const q = random.normal(tokens * heads * headLength);
      const pageOrder = [2, 0, 3, 1];
      const items: number[] = [];
      const partialCount = split ? Math.ceil(positions / split) : 1;
      const partial = new Float64Array(partialCount * heads * partialLength(headLength)).fill(Number.NaN);
      const result = new Float64Array(tokens * heads * headLength).fill(Number.NaN);
      const ownHeads = Array.from({ length: kvHeads * headGroup }, (_, i) => kvHeadStart * headGroup + i);
      if (split) {
        for (let i = 0; i < partialCount; i++) {
          const [start, end] = [i * split, Math.min((i + 1) * split, positions)];
          items.push(0, 1, start, end, i);
          for (const head of ownHeads) {
            const query = q.subarray(head * headLength, (head + 1) * headLength);
            const a = attend(query, kv, allKvHeads, Math.floor(head / headGroup), start, end);
            partial.set([...a.result, a.max, a.sum, 0, 0], (i * heads + head) * partialLength(headLength));
          }
        }
      } else {
        for (let t = 0; t < tokens; t += itemTokens) {
          const count = Math.min(itemTokens, tokens - t);
          items.push(t, count, 0, position + t + count, complete);
        }
        for (let t = 0; t < tokens; t++) {
          for (const head of ownHeads) {
            const at = (t * heads + head) * headLength;
            const a = attend(
              q.subarray(at, at + headLength),
              kv,
              allKvHeads,
              Math.floor(head / headGroup),
              0,
              position + t + 1,
            );
            result.set(
              a.result.map((v) => v / a.sum),
              at,
            );
          }
        }
      }
      const table = Array.from({ length: tokens }, (_, t) => [position + t, 1, 0, 0]).flat();
      const place = (values: Float32Array) => {
        const pages = new Float32Array(maxPages * kvHeads * pageLength * headLength);
        for (let p = 0; p < positions; p++) {
          for (let head = 0; head < kvHeads; head++) {
            const page = pageOrder[Math.floor(p / pageLength)] as number;
            const from = (p * allKvHeads + kvHeadStart + head) * headLength;
            const to = ((page * kvHeads + head) * pageLength + (p % pageLength)) * headLength;
            pages.set(values.subarray(from, from + headLength), to);
          }
        }
        return packPages(pages, headLength, kvType);
      };
      return {
        count: items.length / itemWords,
        inputs: {
          q: padded(q, heads * headLength),
          keys: place(kv.keys),
          vals: place(kv.vals),
          items: Uint32Array.from(items),
          pages: Uint32Array.from([9, 9, 9, 9, ...pageOrder]),
          tokens: Uint32Array.from(table),
          range: rangeWords(0, items.length / itemWords),
        },
        outputs: {
          dst: {
            expected: expectedRows(result, heads * headLength, paddedLength(heads * headLength)),
            elements: 'f32',
          },
          partial: { expected: partial, elements: 'f32' },
        },
      };
    },
  };
}

/** On both sides of the borders of items and tiles. */
const tokenCounts = [1, 17, 31, 33, 511, 513];

export const flashAttnCases = (): readonly Case<Shape>[] => [
  ...tokenCounts.map((tokens) =>
    flashAttnCase({ kvType: 'f16', heads: 4, headGroup: 2, headLength: 16, position: 3, tokens, itemTokens: 32 }),
  ),
  flashAttnCase({ kvType: 'f32', heads: 8, headGroup: 2, headLength: 8, position: 0, tokens: 1, itemTokens: 1 }),
  flashAttnCase({ kvType: 'f32', heads: 3, headGroup: 3, headLength: 20, position: 250, tokens: 9, itemTokens: 2 }),
  flashAttnCase({ kvType: 'f16', heads: 8, headGroup: 8, headLength: 128, position: 63, tokens: 5, itemTokens: 1 }),
  flashAttnCase({
    kvType: 'f16',
    heads: 4,
    headGroup: 1,
    headLength: 64,
    position: 511,
    tokens: 2,
    itemTokens: 8,
    kvHeadStart: 1,
  }),
  flashAttnCase({
    kvType: 'f32',
    heads: 4,
    headGroup: 4,
    headLength: 64,
    position: 600,
    tokens: 1,
    itemTokens: 1,
    split: 256,
  }),
  flashAttnCase({
    kvType: 'f16',
    heads: 4,
    headGroup: 2,
    headLength: 256,
    position: 300,
    tokens: 1,
    itemTokens: 1,
    split: 64,
  }),
  flashAttnCase({ kvType: 'q8_0', heads: 4, headGroup: 2, headLength: 32, position: 70, tokens: 5, itemTokens: 4 }),
  flashAttnCase({
    kvType: 'q8_0',
    heads: 6,
    headGroup: 3,
    headLength: 96,
    position: 511,
    tokens: 3,
    itemTokens: 2,
    kvHeadStart: 1,
  }),
  flashAttnCase({
    kvType: 'q8_0',
    heads: 8,
    headGroup: 8,
    headLength: 128,
    position: 300,
    tokens: 1,
    itemTokens: 1,
    split: 256,
  }),
];

/** A token after 1023 others, 32 heads on 4; and a prompt, each of whose tokens sees 256 positions on average, by ALIA's heads. */
export const flashAttnBenches = (): readonly Case<Shape>[] => [
  ...(['f32', 'f16', 'q8_0'] as const).map((kvType) =>
    flashAttnCase({
      kvType,
      heads: 32,
      headGroup: 8,
      headLength: 128,
      position: 1023,
      tokens: 1,
      itemTokens: 1,
      split: 256,
    }),
  ),
  flashAttnCase({ kvType: 'f16', heads: 8, headGroup: 8, headLength: 128, position: 0, tokens: 512, itemTokens: 8 }),
];
