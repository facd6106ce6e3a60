/** Passes of late that a cost is the median of. */
const remembered = 9;
/** Passes of a width before their cost is believed: one may be a hiccup. */
const leastTimes = 2;
/** What each further column is thought to cost, in passes of one, before any was measured. */
const assumedSlope = 0.4;

/** Milliseconds that passes take, by their columns. */
export class PassCosts {
  /** Of those that choose one token for each of so many sequences. */
  readonly #plain = new Map<number, number[]>();
  /** Of those that verify drafts, by the width that they run at. */
  readonly #verifying = new Map<number, number[]>();
  /** Of passes that choose one token each, those that are no observation yet. */
  readonly #burst = new Map<number, readonly number[]>();
  /** Widths that have been run. */
  readonly #begun = new Set<number>();

  /** Up to `burst` passes may come at once, which tells nothing of each: so many are one observation. */
  addPlain(columns: number, milliseconds: number, burst: number): void {
    const times = [...(this.#burst.get(columns) ?? []), milliseconds];
    const isWhole = times.length >= burst;
    this.#burst.set(columns, isWhole ? [] : times);
    if (isWhole) add(this.#plain, columns, times.reduce((a, b) => a + b) / times.length);
  }

  /** The first of its width counts for nothing: a driver may compile for it. */
  addVerifying(columns: number, milliseconds: number): void {
    const width = widthOf(columns);
    if (this.#begun.has(width)) add(this.#verifying, width, milliseconds);
    this.#begun.add(width);
  }

  /** Whether what columns cost is measured, and not thought. */
  get isSure(): boolean {
    return [...this.#verifying.values()].some(({ length }) => length >= leastTimes);
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
    const measured = [...this.#verifying].filter(([each, { length }]) => each > least && length >= leastTimes);
    const [nearest] = measured.sort(([a], [b]) => Math.abs(a - width) - Math.abs(b - width));
    if (!nearest) return plain * (1 + assumedSlope * (width / least - 1));
    const slope = (median(nearest[1]) - plain) / (nearest[0] - least);
    return Math.max(plain, plain + slope * (width - least));
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

/** The lower of two in the middle: what takes too long is a hiccup. */
function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[(times.length - 1) >> 1] as number;
}
