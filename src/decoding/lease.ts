/** Who holds a sequence of the cache, and how far it has come. */
export interface Lease {
  readonly sequence: number;
  /** The beginning that is known, which others may share: a prompt, or all there is. */
  readonly prompt: readonly number[];
  /** Positions whose keys and values are submitted. */
  computed: number;
  /** The cache has no room for it until another gives some back. */
  isStalled: boolean;
  /** It takes no more room. */
  readonly isOver: boolean;
  /** Another step may take it up, whatever its consumer does, until its prompt is computed. */
  readonly isComing: boolean;
  /** The cache is lost: all positions are to be computed again. */
  restart(): void;
  /** Nothing comes of it any more but this. */
  fail(error: Error): void;
}
