import type { Words } from '../src/gpu/kernel.ts';
import { rangeWords } from './parts/range.ts';
import { mostLikely, type RowSampling, samplingWords, writeSampling } from './parts/sampling.ts';

/** Rows that change nothing but what a case says of them, and the tables that tell the kernels so. */
export function caseRows(said: readonly Partial<RowSampling>[]): {
  readonly rows: readonly RowSampling[];
  readonly tables: { readonly samplings: Words; readonly range: Words };
} {
  const rows = said.map((row) => ({ ...mostLikely, temperature: 1, seed: 7, ...row }));
  const samplings = new Uint32Array(rows.length * samplingWords);
  rows.forEach((row, r) => {
    writeSampling(samplings, r, row);
  });
  return { rows, tables: { samplings, range: rangeWords(0, rows.length) } };
}
