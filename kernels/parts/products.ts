import type { ActivationFormat } from './activation.ts';
import { type Fours, unroll } from './values.ts';

/**
 * The registers of an invocation that multiplies `rows` adjacent rows, from `row` on, with the tokens `token0`,
 * `token1`, …: running sums named sumR_C, of f32 products four apiece, of int8 blocks one.
 */
export interface Products {
  readonly activation: ActivationFormat;
  readonly rows: number;
  readonly columns: number;
  /** A step of int8 is half a block, which is one load: neighbouring invocations then read what stands side by side. */
  readonly halves?: boolean;
}

/** Steps of a row: two blocks of int8, whose scales are one load, or half a block, or what one load of f32 brings. */
export const productSteps = ({ activation, halves }: Products, fours: Fours) => {
  if (activation === 'f32') return `(BLOCKS * ${8 / fours}u)`;
  return halves ? '(BLOCKS * 2u)' : '(BLOCKS / 2u)';
};

/** Declares the sums. */
export function declareSums({ activation, rows, columns }: Products): string {
  const type = activation === 'q8' ? 'f32' : 'vec4<f32>';
  return unroll(rows, (r) => unroll(columns, (c) => `var sum${r}_${c} = ${type}();`));
}

/** Adds the products of step `i`. */
export function addProducts({ activation, rows, columns, halves }: Products): string {
  if (activation === 'f32') {
    return `
    ${unroll(columns, (c) => `let x${c} = act_values(token${c}, i);`)}
    ${unroll(
      rows,
      (r) => `
    let w${r} = weight_values(row + ${r}u, i);
    ${unroll(columns, (c) => `sum${r}_${c} = add_products(w${r}, x${c}, sum${r}_${c});`)}`,
    )}`;
  }
  if (halves) {
    return `
    ${unroll(columns, (c) => `let x${c} = act_half(token${c}, i); let xs${c} = act_scale(token${c}, i / 2u);`)}
    ${unroll(
      rows,
      (r) => `
    let w${r} = weight_half(row + ${r}u, i);
    let ws${r} = weight_scale(row + ${r}u, i / 2u);
    ${unroll(columns, (c) => `sum${r}_${c} = fma(f32(dot_half(w${r}, x${c})), ws${r} * xs${c}, sum${r}_${c});`)}`,
    )}`;
  }
  return `
    ${unroll(rows, (r) => `let two${r} = weight_scales(row + ${r}u, i);`)}
    ${unroll(columns, (c) => `let xtwo${c} = act_scales(token${c}, i);`)}
    for (var second = 0u; second < not_constant(2u); second++) {
      let block = 2u * i + second;
      ${unroll(columns, (c) => `let x${c} = act_packed(token${c}, block); let xs${c} = select(xtwo${c}.x, xtwo${c}.y, second == 1u);`)}
      ${unroll(
        rows,
        (r) => `
      let w${r} = weight_packed(row + ${r}u, block);
      let ws${r} = select(two${r}.x, two${r}.y, second == 1u);
      ${unroll(columns, (c) => `sum${r}_${c} = fma(f32(dot_packed(w${r}, x${c})), ws${r} * xs${c}, sum${r}_${c});`)}`,
      )}
    }`;
}

/** The finished sums of rows 2·pair and 2·pair + 1 for column `c`. */
export function finishedPair({ activation }: Products, pair: number, c: number): string {
  const sum = (r: number) => (activation === 'q8' ? `sum${r}_${c}` : `total(sum${r}_${c})`);
  return `vec2<f32>(${sum(2 * pair)}, ${sum(2 * pair + 1)})`;
}
