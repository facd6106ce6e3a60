import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { unroll } from './values.ts';

/** Who shares a row of a matrix, and how they exchange their sums. */
export interface Lanes {
  /** Invocations of a workgroup, and of a team that shares a row. */
  readonly invocations: number;
  readonly lanes: number;
  readonly subgroups: boolean;
}

/** Pairs of a team's sums, expressions of `vec2<f32>` in each lane, for one column of tokens. */
export type ColumnSums = readonly string[];

/** A sum of `n` terms as a tree of neighbours: the order in which subgroups exchange too. */
function tree(n: number, term: (i: number) => string, first = 0): string {
  return n === 1 ? term(first) : `(${tree(n / 2, term, first)} + ${tree(n / 2, term, first + n / 2)})`;
}

/** WGSL that `meet` needs, for so many sums of a column. */
export function declareMeeting({ invocations, lanes, subgroups }: Lanes, sums: number): string {
  if (lanes === 1) return '';
  return wgsl`
#if ${subgroups}
enable subgroups;
fn team_sum(v: vec2<f32>) -> vec2<f32> {
  var sum = v;
  ${unroll(Math.log2(lanes), (level) => `sum += subgroupShuffleXor(sum, ${2 ** level}u);`)}
  return sum;
}
#else
var<workgroup> partial: array<vec2<f32>, ${sums * invocations}>; // [sums, invocations], of one column: all of eight would not fit
fn team_sum(first: u32) -> vec2<f32> { return ${tree(lanes, (l) => `partial[first + ${l}u]`)}; }
#endif
`;
}

/**
 * WGSL that adds up every column's sums over the lanes of a team, and lets one invocation go on with each pair but the
 * last `shared` ones, which all pairs of a column want (none where nobody shares a row): `take(team, column, p, v, shared…)`.
 * The entry point has `lane`, `team` and `invocation`.
 */
export function meet(
  { invocations, lanes, subgroups }: Lanes,
  columns: readonly ColumnSums[],
  shared: number,
  take: (team: string, column: string, pair: string, v: string, shared: readonly string[]) => string,
): string {
  const sums = (columns[0] as ColumnSums).length;
  const pairs = sums - shared;
  if (lanes === 1)
    return `
  ${ownSums(columns)}
  for (var i = 0u; i < not_constant(${columns.length * pairs}u); i++) {
    let c = i / ${pairs}u;
    let p = i % ${pairs}u;
    ${take('team', 'c', 'p', ownSum(sums, 'p'), [])}
  }`;
  if (subgroups)
    return unroll(
      columns.length,
      (c) => `
  {
    ${unroll(sums, (s) => `let v${s} = team_sum(${(columns[c] as ColumnSums)[s]});`)}
    ${unroll(pairs, (p) => `if (lane == ${(c * pairs + p) % lanes}u) { ${take('team', `${c}u`, `${p}u`, `v${p}`, sharedNames(pairs, shared))} }`)}
  }`,
    );
  const teams = invocations / lanes;
  return `
  ${ownSums(columns)}
  ${columns.length > 1 ? `for (var c = 0u; c < not_constant(${columns.length}u); c++) {` : '{ let c = 0u;'}
    ${unroll(sums, (s) => `partial[${s * invocations}u + invocation] = ${ownSum(sums, `${s}u`)};`)}
    workgroupBarrier();
    for (var i = invocation; i < ${pairs * teams}u; i += ${invocations}u) {
      let other = i % ${teams}u;
      let p = i / ${teams}u;
      let v = team_sum(p * ${invocations}u + other * ${lanes}u);
      ${unroll(shared, (s) => `let v${pairs + s} = team_sum(${(pairs + s) * invocations}u + other * ${lanes}u);`)}
      ${take('other', 'c', 'p', 'v', sharedNames(pairs, shared))}
    }
    ${columns.length > 1 ? 'workgroupBarrier();' : ''}
  }`;
}

/** [columns, sums], in the end only: so there is code for one column, where drivers take seconds to compile eight. */
const ownSums = (columns: readonly ColumnSums[]) => `
  var own_sums: array<vec2<f32>, ${columns.flat().length}>;
  ${columns
    .flat()
    .map((sum, i) => `own_sums[${i}] = ${sum};`)
    .join('\n')}`;
const ownSum = (sums: number, s: string) => `own_sums[c * ${sums}u + ${s}]`;

const sharedNames = (pairs: number, shared: number) => Array.from({ length: shared }, (_, s) => `v${pairs + s}`);
