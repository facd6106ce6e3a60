/** Which two tokens merge, and into what, in order of rank: a hash table in typed arrays, as 300,000 merges may be listed. */
export class MergeTable {
  /** What the merge of each rank makes. */
  readonly results: Int32Array;
  readonly #mask: number;
  readonly #lefts: Int32Array;
  readonly #rights: Int32Array;
  readonly #ranks: Int32Array;

  /** `merges` as [left, right, result] of each rank; of a pair listed twice the first counts. */
  constructor(merges: Int32Array) {
    const count = merges.length / 3;
    let capacity = 4;
    while (capacity < 2 * count) capacity *= 2;
    this.#mask = capacity - 1;
    this.#lefts = new Int32Array(capacity);
    this.#rights = new Int32Array(capacity);
    this.#ranks = new Int32Array(capacity).fill(-1);
    this.results = new Int32Array(count);
    for (let rank = 0; rank < count; rank++) {
      const left = merges[3 * rank]!;
      const right = merges[3 * rank + 1]!;
      this.results[rank] = merges[3 * rank + 2]!;
      const slot = this.#slotOf(left, right);
      if (this.#ranks[slot]! >= 0) continue;
      this.#lefts[slot] = left;
      this.#rights[slot] = right;
      this.#ranks[slot] = rank;
    }
  }

  /** The rank of merging the two tokens, or −1. */
  rankOf(left: number, right: number): number {
    return this.#ranks[this.#slotOf(left, right)]!;
  }

  #slotOf(left: number, right: number): number {
    let slot = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (this.#ranks[slot]! >= 0 && (this.#lefts[slot] !== left || this.#rights[slot] !== right)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}
