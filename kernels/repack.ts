/**
 * repack: rows of a tensor, as they stand in the file, into the planes of a row tile.
 *
 *   raw          the file's bytes, from the first of these rows on      weight_…   planes, padded rows
 *   piece        which rows of the tile they become: first, first + step, … (steps interleave gate and up)
 *   flaws        counts scales and values that are no finite number
 *   dispatch     x: pairs of blocks of all rows
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import type { Case, Checks, Kernel, Output, Words } from '../src/gpu/kernel.ts';
import { Random, weights } from './case_data.ts';
import { type BlockType, blocksPerRow, type Pack } from './quants/block_type.ts';
import { blockTypes, packs } from './quants/index.ts';

export interface Shape {
  /** ggml's name of the rows' type. */
  readonly type: string;
  readonly rowLength: number;
}

export type Variant = Record<never, never>;

const invocations = 64;
/** Workgroups along x; more of them go along y. */
const groupsPerLine = 2 ** 15;

/** Words of the `piece` uniform: row count, first row of the tile, step. */
export const pieceWords = 3;

/** Planes [tileRows, …] of which the rows `first`, `first + step`, … come from `bytes`; the others keep `initial`. */
export function reference(
  plane: Words,
  rowBytes: number,
  initial: Uint8Array,
  first: number,
  step: number,
): Uint8Array {
  const source = new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength);
  const out = initial.slice();
  for (let row = 0; row * rowBytes < source.length; row++) {
    out.set(source.subarray(row * rowBytes, (row + 1) * rowBytes), (first + row * step) * rowBytes);
  }
  return out;
}

function repackCase(type: string, rows: number, rowLength: number, first = 0, step = 1, flaw = false): Case<Shape> {
  const words = [first && `first=${first}`, step > 1 && `step=${step}`, flaw && 'flaw'];
  return {
    id: [`${type} ${rows}×${rowLength}`, ...words].filter(Boolean).join(' '),
    shape: { type, rowLength },
    trial() {
      const blockType = blockTypes[type] as BlockType;
      const { bytes } = weights(new Random(rows + rowLength), blockType, rows, rowLength);
      if (flaw) bytes.fill(0xff, 0, blockType.fileBlockBytes); // a NaN, as a scale or a value
      const tileRows = first + (rows - 1) * step + 2;
      const outputs: Record<string, Output> = {
        flaws: { initial: new Uint32Array(1), expected: [flaw ? 1 : 0], elements: 'u32' },
      };
      const packed = (packs[type] as Pack)(bytes, rowLength);
      for (const { name, bytes: blockBytes } of blockType.planes) {
        const rowBytes = blocksPerRow(rowLength) * blockBytes;
        const initial = new Uint8Array(tileRows * rowBytes).fill(0x55);
        const expected = new Int8Array(reference(packed[name] as Words, rowBytes, initial, first, step).buffer);
        outputs[`weight_${name}`] = { initial, expected, elements: 'i8' };
      }
      const raw = new Uint8Array(Math.ceil(bytes.length / 4) * 4 + 4);
      raw.set(bytes);
      return { count: rows, inputs: { raw, piece: new Uint32Array([rows, first, step]) }, outputs };
    },
  };
}

export const repack: Kernel<Shape, Variant> = {
  name: 'repack',

  variants: () => [{}],

  wgsl: ({ type }) => wgsl`
override BLOCKS: u32;
override ROW_LENGTH: u32;

struct Piece {
  row_count: u32,
  first: u32,
  step: u32,
}
var<uniform> piece: Piece;
var<storage, read> raw: array<u32>;
var<storage, read_write> flaws: atomic<u32>;

fn raw_half(i: u32) -> u32 { return (raw[i / 2u] >> ((i & 1u) * 16u)) & 0xffffu; }
fn flawed() { atomicAdd(&flaws, 1u); }
${(blockTypes[type] as BlockType).repack as string}

@compute @workgroup_size(${invocations})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${groupsPerLine * invocations}u + id.x;
  let pairs = BLOCKS / 2u;
  let row = i / pairs;
  if (row >= piece.row_count) { return; }
  repack(row, piece.first + row * piece.step, i % pairs);
}
`,

  overrides: ({ rowLength }) => ({ BLOCKS: blocksPerRow(rowLength), ROW_LENGTH: rowLength }),

  workgroups({ rowLength }, _, count) {
    const groups = Math.ceil((count * blocksPerRow(rowLength)) / 2 / invocations);
    return [Math.min(groups, groupsPerLine), Math.ceil(groups / groupsPerLine), 1];
  },
};

export const repackChecks = (): Checks<Shape> => ({
  cost({ type, rowLength }, count) {
    const { fileBlockBytes = 0, fileBlockLength = 1 } = blockTypes[type] ?? {};
    return { bytes: 2 * ((count * rowLength) / fileBlockLength) * fileBlockBytes, flops: 0 };
  },

  cases: [
    ...Object.keys(blockTypes).flatMap((type) => [repackCase(type, 5, 96, 2, 2), repackCase(type, 7, 64, 0, 1)]),
    repackCase('F32', 3, 65, 1, 3),
    repackCase('F16', 3, 173),
    repackCase('BF16', 4, 33),
    repackCase('Q8_0', 2, 64, 0, 1, true),
    repackCase('F32', 2, 64, 0, 1, true),
  ],

  benches: [repackCase('Q8_0', 4096, 4096)],
});
