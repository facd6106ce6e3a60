/** A token found in a text: [start, end) in UTF-16 units. */
export interface Span {
  start: number;
  end: number;
  readonly token: number;
}

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  token: number | undefined;
}

const utf8 = new TextEncoder();

/** Tokens that are matched as they stand, before any splitting: control and user-defined pieces. */
export class SpecialTokens {
  readonly #root: TrieNode = { children: new Map(), token: undefined };
  readonly #texts = new Map<number, string>();
  readonly #byteLengths = new Map<number, number>();
  readonly #stripsRight: ReadonlySet<number>;

  /** `stripsRight`: tokens that swallow the white space after them. */
  constructor(tokens: Iterable<readonly [text: string, token: number]>, stripsRight: ReadonlySet<number> = new Set()) {
    this.#stripsRight = stripsRight;
    for (const [text, token] of tokens) {
      if (text === '') continue;
      let node = this.#root;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        let child = node.children.get(unit);
        if (!child) node.children.set(unit, (child = { children: new Map(), token: undefined }));
        node = child;
      }
      node.token = token;
      this.#texts.set(token, text);
      this.#byteLengths.set(token, utf8.encode(text).length);
    }
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  /** llama.cpp's order: the longest token (in bytes) takes all its places in the text, then the next. Spans come in order. */
  findLongestFirst(text: string, allowed: (span: Span) => boolean): Span[] {
    const present = this.#presentIn(text);
    if (present.length === 0) return [];
    present.sort((a, b) => this.#byteLengths.get(b)! - this.#byteLengths.get(a)! || a - b);
    const taken = new Uint8Array(text.length);
    const spans: Span[] = [];
    for (const token of present) {
      const needle = this.#texts.get(token)!;
      let start = text.indexOf(needle);
      while (start >= 0) {
        const span = { start, end: start + needle.length, token };
        const free = !taken[start] && !taken[span.end - 1] && !taken.subarray(start, span.end).includes(1);
        if (free && allowed(span)) {
          if (this.#stripsRight.has(token)) span.end = skipSpaces(text, span.end, taken);
          taken.fill(1, start, span.end);
          spans.push(span);
          start = text.indexOf(needle, span.end);
        } else {
          start = text.indexOf(needle, start + 1);
        }
      }
    }
    return spans.sort((a, b) => a.start - b.start);
  }

  /** SentencePiece's order: from left to right, the longest token at each place. */
  findLeftmost(text: string): Span[] {
    const spans: Span[] = [];
    for (let start = 0; start < text.length; ) {
      let longest: Span | undefined;
      this.#walk(text, start, (token, end) => {
        longest = { start, end, token };
      });
      if (longest) spans.push(longest);
      start = longest?.end ?? start + 1;
    }
    return spans;
  }

  #presentIn(text: string): number[] {
    const present = new Set<number>();
    for (let start = 0; start < text.length; start++) this.#walk(text, start, (token) => present.add(token));
    return [...present];
  }

  /** Calls `found` for each token that begins at `start`, shortest first. */
  #walk(text: string, start: number, found: (token: number, end: number) => void): void {
    let node = this.#root.children.get(text.charCodeAt(start));
    for (let end = start + 1; node; end++) {
      if (node.token !== undefined) found(node.token, end);
      node = end < text.length ? node.children.get(text.charCodeAt(end)) : undefined;
    }
  }
}

function skipSpaces(text: string, start: number, taken: Uint8Array): number {
  let end = start;
  while (end < text.length && !taken[end] && /[\t-\r ]/.test(text[end]!)) end++;
  return end;
}
