/** Seeded random numbers for random models' weights: the same on every machine, a tensor's own by its name. */
import { fileBlockLength, fileBytes } from '../../kernels/quants/dequantize.ts';
import { quantize } from '../../kernels/quants/quantize.ts';

/** The next 32 random bits. */
export type RandomBits = () => number;

const chunkLength = 2 ** 18;

/** Marsaglia's xorshift32, started from a hash (FNV-1a) of seed and name. */
export function randomBits(seed: number, name: string): RandomBits {
  let state = 0x811c_9dc5;
  for (const character of `${seed} ${name}`) state = Math.imul(state ^ character.codePointAt(0)!, 0x0100_0193);
  state ||= 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

/** Uniform values, [length], of this mean and standard deviation. */
export function randomVector(length: number, mean: number, deviation: number, bits: RandomBits): Float32Array {
  const scale = (deviation * Math.sqrt(12)) / 2 ** 32;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = mean + bits() * scale;
  return values;
}

/** A matrix as the file's bytes, whole rows at a time; `deviation` by row. */
export function* randomRows(
  typeName: string,
  rows: number,
  columns: number,
  deviation: (row: number) => number,
  bits: RandomBits,
): Generator<Uint8Array> {
  const rowsPerChunk = Math.max(1, Math.floor(chunkLength / columns));
  for (let start = 0; start < rows; start += rowsPerChunk) {
    const values = new Float32Array(Math.min(rowsPerChunk, rows - start) * columns);
    for (let i = 0; i < values.length; i += columns) {
      values.set(randomVector(columns, 0, deviation(start + i / columns), bits), i);
    }
    yield quantize(typeName, values);
  }
}

/** Random values, made once and repeated, so that rows may come twice: for files too large to draw each value of. */
export class RandomPools {
  readonly #byteLength: number;
  readonly #pools = new Map<string, Uint8Array>();

  /** `byteLength`: of a pool of one type and deviation. */
  constructor(byteLength: number) {
    this.#byteLength = byteLength;
  }

  /** `length` values as the file's bytes, in chunks of half a pool that begin anywhere in it; the pool's own memory. */
  *values(typeName: string, length: number, deviation: number, bits: RandomBits): Generator<Uint8Array> {
    const pool = this.#pool(typeName, deviation);
    const blockBytes = fileBytes(typeName, fileBlockLength(typeName));
    const half = Math.floor(pool.length / blockBytes / 2);
    let left = length / fileBlockLength(typeName);
    while (left > 0) {
      const first = (bits() >>> 0) % half;
      const count = Math.min(half, left);
      yield pool.subarray(first * blockBytes, (first + count) * blockBytes);
      left -= count;
    }
  }

  #pool(typeName: string, deviation: number): Uint8Array {
    const key = `${typeName} ${deviation}`;
    const known = this.#pools.get(key);
    if (known) return known;
    const blockLength = fileBlockLength(typeName);
    const blocks = Math.max(2, Math.floor(this.#byteLength / fileBytes(typeName, blockLength)));
    const pool = quantize(typeName, randomVector(blocks * blockLength, 0, deviation, randomBits(1, key)));
    this.#pools.set(key, pool);
    return pool;
  }
}
