import type { Access } from './place.ts';

/** The unit of what is there, what is checked and what is fetched anew, in bytes. */
export const blockBytes = 2 ** 20;
/** Of SHA-256. */
const digestBytes = 32;

/**
 * Which blocks of a stored file are there, in a file of its own: each one's SHA-256 as it was received, zeros where it
 * has not come. Behind them stands the whole file's, once it was found to be the hub's.
 */
export class BlockTable {
  readonly count: number;
  readonly #digests: Uint8Array<ArrayBuffer>;
  readonly #access: Access;

  constructor(access: Access, byteLength: number) {
    this.count = Math.ceil(byteLength / blockBytes);
    this.#digests = new Uint8Array((this.count + 1) * digestBytes);
    this.#access = access;
    this.reload();
  }

  /** Another tab may have written. */
  reload(): void {
    this.#digests.fill(0);
    this.#access.read(this.#digests, { at: 0 });
  }

  has(block: number): boolean {
    return this.digest(block).some((byte) => byte !== 0);
  }

  digest(block: number): Uint8Array<ArrayBuffer> {
    return this.#digests.subarray(block * digestBytes, (block + 1) * digestBytes);
  }

  set(block: number, digest: Uint8Array): void {
    this.digest(block).set(digest);
    this.#access.write(digest, { at: block * digestBytes });
  }

  /** Whether the whole is known to be what the hub has. */
  get isConfirmed(): boolean {
    return this.has(this.count);
  }

  confirm(digest: Uint8Array): void {
    this.set(this.count, digest);
  }

  /** None is there any more. */
  clear(): void {
    this.#digests.fill(0);
    this.#access.write(this.#digests, { at: 0 });
  }

  /** Runs of blocks that are missing, `[first, end)`, each of at most `mostBlocks`. */
  missing(mostBlocks = Number.POSITIVE_INFINITY, from = 0): [first: number, end: number][] {
    const runs: [number, number][] = [];
    for (let block = from; block < this.count; block++) {
      if (this.has(block)) continue;
      const last = runs.at(-1);
      if (last?.[1] === block && block - last[0] < mostBlocks) last[1]++;
      else runs.push([block, block + 1]);
    }
    return runs;
  }

  flush(): void {
    this.#access.flush();
  }

  close(): void {
    this.#access.close();
  }
}

/** Blocks that a table holds, as its bytes. */
export function presentCount(digests: Uint8Array, byteLength: number): number {
  let present = 0;
  for (let block = 0; block < Math.ceil(byteLength / blockBytes); block++) {
    const digest = digests.subarray(block * digestBytes, (block + 1) * digestBytes);
    if (digest.some((byte) => byte !== 0)) present++;
  }
  return present;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
