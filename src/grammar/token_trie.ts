/** The tokens of a vocabulary by their bytes, as a tree in preorder: what begins alike is walked through once. */
export class TokenTrie {
  /** The byte that leads to each node. */
  readonly bytes: Uint8Array;
  /** How many bytes lead to it, all together. */
  readonly depths: Uint16Array;
  /** The node after all that are below it. */
  readonly ends: Int32Array;
  /** Which of `tokens` end at each node: from its own entry to the next one's. */
  readonly firstToken: Int32Array;
  readonly tokens: Int32Array;

  /** `of`: tokens and their bytes, which are not empty. */
  constructor(of: readonly (readonly [token: number, bytes: Uint8Array])[]) {
    const sorted = [...of].sort((a, b) => compare(a[1], b[1]));
    const most = sorted.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    const [bytes, depths, ends, firstToken] = [
      new Uint8Array(most),
      new Uint16Array(most),
      new Int32Array(most),
      new Int32Array(most + 1),
    ];
    const open: number[] = []; // nodes on the way to the last one
    let count = 0;
    let last = new Uint8Array(0);
    for (const [i, [, own]] of sorted.entries()) {
      let shared = 0;
      while (shared < last.length && last[shared] === own[shared]) shared++;
      while (open.length > shared) ends[open.pop() as number] = count;
      for (let depth = shared; depth < own.length; depth++) {
        bytes[count] = own[depth] as number;
        depths[count] = depth + 1;
        firstToken[count] = i;
        open.push(count++);
      }
      firstToken[count] = i + 1;
      last = own as Uint8Array<ArrayBuffer>;
    }
    for (const node of open) ends[node] = count;
    this.bytes = bytes.slice(0, count);
    this.depths = depths.slice(0, count);
    this.ends = ends.slice(0, count);
    this.firstToken = firstToken.slice(0, count + 1);
    this.tokens = Int32Array.from(sorted, ([token]) => token);
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
