/**
 * Byte-pair merging: symbols in a row, the best mergeable pair of neighbours first, the leftmost of equals, until none is
 * left. A heap keeps it at O(n log n), whatever the text.
 */
export class Merger {
  /** Of symbol i: its token (−1: none), where it ends, its neighbours; `next` is −1 at the end, −2 where i was merged away. */
  tokens = new Int32Array(64);
  ends = new Int32Array(64);
  next = new Int32Array(64);
  readonly #priorities: ArrayLike<number>;
  #previous = new Int32Array(64);
  #heap = new Heap();

  /** `priorities` by merge; higher goes first. */
  constructor(priorities: ArrayLike<number>) {
    this.#priorities = priorities;
  }

  reserve(symbolCount: number): void {
    if (symbolCount <= this.tokens.length) return;
    const capacity = symbolCount + (symbolCount >> 1);
    this.tokens = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
  }

  /** Where symbol i begins. */
  startOf(symbol: number): number {
    const previous = this.#previous[symbol]!;
    return previous < 0 ? 0 : this.ends[previous]!;
  }

  /**
   * Merges the first `symbolCount` symbols, whose `tokens` and `ends` are filled in. `findMerge` names the merge of two
   * neighbouring symbols (−1: none), `tokenOf` gives the token that a merge makes. The result is read from symbol 0 on along `next`.
   */
  run(
    symbolCount: number,
    findMerge: (left: number, right: number) => number,
    tokenOf: (merge: number) => number,
  ): void {
    const { tokens, ends, next } = this;
    const previous = this.#previous;
    const heap = this.#heap;
    heap.clear();
    for (let i = 0; i < symbolCount; i++) {
      next[i] = i + 1 < symbolCount ? i + 1 : -1;
      previous[i] = i - 1;
    }
    const offer = (left: number, right: number) => {
      const merge = findMerge(left, right);
      if (merge >= 0) heap.push(this.#priorities[merge]!, left, ends[right]!, merge);
    };
    for (let i = 1; i < symbolCount; i++) offer(i - 1, i);
    while (heap.pop()) {
      const left = heap.left;
      const right = next[left]!;
      // Stale: one of the two has been merged since, so that the pair now ends elsewhere or is gone.
      if (right < 0 || ends[right] !== heap.end) continue;
      const after = next[right]!;
      tokens[left] = tokenOf(heap.merge);
      ends[left] = ends[right]!;
      next[left] = after;
      next[right] = -2;
      if (after >= 0) previous[after] = left;
      if (previous[left]! >= 0) offer(previous[left]!, left);
      if (after >= 0) offer(left, after);
    }
  }
}

/** A binary heap of (priority, left) with what belongs to it, in parallel arrays: millions of entries without an object each. */
class Heap {
  left = 0;
  end = 0;
  merge = 0;
  #length = 0;
  #priorities = new Float64Array(128);
  #lefts = new Int32Array(128);
  #ends = new Int32Array(128);
  #merges = new Int32Array(128);

  clear(): void {
    this.#length = 0;
  }

  push(priority: number, left: number, end: number, merge: number): void {
    if (this.#length === this.#lefts.length) this.#grow();
    let hole = this.#length++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#isBefore(priority, left, parent)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, priority, left, end, merge);
  }

  /** Takes the first entry into `left`, `end` and `merge`; false where the heap is empty. */
  pop(): boolean {
    if (this.#length === 0) return false;
    this.left = this.#lefts[0]!;
    this.end = this.#ends[0]!;
    this.merge = this.#merges[0]!;
    const last = --this.#length;
    if (last === 0) return true;
    const priority = this.#priorities[last]!;
    const left = this.#lefts[last]!;
    let hole = 0;
    for (let child = 1; child < last; child = 2 * hole + 1) {
      if (child + 1 < last && this.#isBefore(this.#priorities[child + 1]!, this.#lefts[child + 1]!, child)) child++;
      if (this.#isBefore(priority, left, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, priority, left, this.#ends[last]!, this.#merges[last]!);
    return true;
  }

  #isBefore(priority: number, left: number, entry: number): boolean {
    const other = this.#priorities[entry]!;
    return priority > other || (priority === other && left < this.#lefts[entry]!);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#priorities[from]!, this.#lefts[from]!, this.#ends[from]!, this.#merges[from]!);
  }

  #put(entry: number, priority: number, left: number, end: number, merge: number): void {
    this.#priorities[entry] = priority;
    this.#lefts[entry] = left;
    this.#ends[entry] = end;
    this.#merges[entry] = merge;
  }

  #grow(): void {
    const grown = <T extends Float64Array | Int32Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    const capacity = 2 * this.#lefts.length;
    this.#priorities = grown(this.#priorities, new Float64Array(capacity));
    this.#lefts = grown(this.#lefts, new Int32Array(capacity));
    this.#ends = grown(this.#ends, new Int32Array(capacity));
    this.#merges = grown(this.#merges, new Int32Array(capacity));
  }
}
