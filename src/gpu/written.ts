/** Compares what two variants of a kernel have written from the same inputs. */

/** Bytes by binding; as numbers f32, or int8 where it is anything else. */
export type Written = Readonly<Record<string, Float32Array | Int8Array>>;

/** Σ(a − b)² / Σ b², of sums in another order, perhaps of values that were rounded to f16 for matrix units. */
const sumTolerance = 1e-5;
/** The same of bytes, since half floats and int8 round in one or the other way. */
const byteTolerance = 0.02;

/** The binding in which any bit differs. */
export function otherBits(got: Written, expected: Written): string | undefined {
  return Object.keys(expected).find((name) => {
    const [a, b] = [words(got[name]), words(expected[name])];
    return a.length !== b.length || b.some((word, i) => word !== a[i]);
  });
}

/** The binding in which the numbers differ by more than an order of summing explains. */
export function otherNumbers(got: Written, expected: Written): string | undefined {
  return Object.keys(expected).find((name) => {
    const b = expected[name] as Float32Array | Int8Array;
    const a = got[name];
    if (a?.length !== b.length) return true;
    let [squares, errors] = [0, 0];
    for (let i = 0; i < b.length; i++) {
      squares += (b[i] as number) ** 2;
      errors += ((a[i] as number) - (b[i] as number)) ** 2;
    }
    return !(errors <= squares * (b instanceof Float32Array ? sumTolerance : byteTolerance));
  });
}

function words(array: Float32Array | Int8Array | undefined): Uint32Array {
  return array ? new Uint32Array(array.buffer, array.byteOffset, array.byteLength / 4) : new Uint32Array();
}
