/** Passes of late that a cost is the median of. */
const remembered = 9;
/** What each further column is thought to cost, in passes of one, before any was measured. */
const assumedSlope = 0.6;

/** Milliseconds that passes take, by their columns. */
export class PassCosts {
  /** Of those that choose one token for each of so many sequences. */
  readonly #plain = new Map<number, number[]>();
  /** Of those that verify drafts, by the width that they run at. */
  readonly #verifying = new Map<number, number[]>();
  readonly #begun = new Set<number>();

  addPlain(columns: number, milliseconds: number): void {
    add(this.#plain, columns, milliseconds);
  }

  /** Whether it is the first of its width, for which a driver may compile: that one counts for nothing. */
  addVerifying(columns: number, milliseconds: number): boolean {
    const width = widthOf(columns);
    const isNew = !this.#begun.has(width);
    if (isNew) this.#begun.add(width);
    else add(this.#verifying, width, milliseconds);
    return isNew;
  }

  /** Of a pass that verifies nothing; undefined where none was measured. */
  plain(columns: number): number | undefined {
    const times = this.#plain.get(columns);
    return times && median(times);
  }

  /** Of a pass of `columns`, which `base` of them take alone `plain`: on the line through the nearest that was measured. */
  verifying(columns: number, base: number, plain: number): number {
    const [width, least] = [widthOf(columns), widthOf(base)];
    if (width === least) return plain;
    const widths = [...this.#verifying.keys()].filter((each) => each > least);
    const nearest = widths.sort((a, b) => Math.abs(a - width) - Math.abs(b - width))[0];
    if (nearest === undefined) return plain * (1 + assumedSlope * (width / least - 1));
    const measured = median(this.#verifying.get(nearest) as number[]);
    return Math.max(plain, plain + ((measured - plain) * (width - least)) / (nearest - least));
  }
}

/** Columns that the kernels compute where so many are wanted. */
function widthOf(columns: number): number {
  return 2 ** Math.ceil(Math.log2(columns));
}

function add(times: Map<number, number[]>, columns: number, milliseconds: number): void {
  const some = times.get(columns) ?? [];
  times.set(columns, [...some.slice(1 - remembered), milliseconds]);
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2;
}
