/** Who holds a sequence of the cache, and how far it has come. */
export interface Lease {
  readonly sequence: number;
  /** Positions whose keys and values are submitted. */
  computed: number;
  /** The cache has no room for it until another gives some back. */
  isStalled: boolean;
  /** It takes no more room. */
  readonly isOver: boolean;
  /** The cache is lost: all positions are to be computed again. */
  restart(): void;
}

/** A sequence whose tokens are all known: logits and hidden states are read of it. */
export class Reading implements Lease {
  readonly sequence: number;
  readonly isOver = false;
  computed: number;
  isStalled = false;

  constructor(sequence: number, reused: number) {
    this.sequence = sequence;
    this.computed = reused;
  }

  restart(): void {
    this.computed = 0;
    this.isStalled = false;
  }
}
