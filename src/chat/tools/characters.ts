/** An answer's characters, as whoever looks for calls reads them: one by one, as they come. */

/** It is no call after all. */
export class NoCall extends Error {}

/** Each `yield` waits for the next character, '' at the end. */
export type Reading<T = void> = Generator<undefined, T, string>;

export class Characters {
  /** The next one, not taken yet; '' at the end. */
  next = '';
  /** Since the last marker, which it begins with: it is text where no call comes of it. */
  taken = '';
  /** Those that are read once more, before others. */
  #again = '';

  *begin(): Reading {
    this.next = yield;
  }

  *advance(): Reading {
    this.taken += this.next;
    if (this.#again === '') this.next = yield;
    else {
      this.next = this.#again[0] as string;
      this.#again = this.#again.slice(1);
    }
  }

  /** What was taken behind the first `length` is read once more. */
  goBack(length: number): void {
    if (this.taken.length === length) return;
    this.#again = this.taken.slice(length + 1) + this.next + this.#again;
    this.next = this.taken[length] as string;
  }

  /** A JSON value, or what a string of JSON says. */
  *whole(): Reading<string> {
    const isText = this.sees('"');
    let written = '';
    yield* this.value((character) => {
      written += character;
    });
    return isText ? unquoted(written) : written;
  }

  /** A JSON value, each of its characters as it comes. */
  *value(give: (character: string) => void): Reading {
    if (this.sees('"')) return void (yield* this.string(give));
    if (!this.sees('{') && !this.sees('[')) {
      if (!/[\w+-]/.test(this.next)) throw new NoCall();
      while (/[\w.+-]/.test(this.next)) {
        give(this.next);
        yield* this.advance();
      }
      return;
    }
    let depth = 0;
    do {
      if (this.sees('"')) {
        yield* this.string(give);
        continue;
      }
      if (this.sees('{') || this.sees('[')) depth++;
      if (this.sees('}') || this.sees(']')) depth--;
      give(this.next);
      yield* this.advance();
      if (this.sees('') && depth > 0) throw new NoCall();
    } while (depth > 0);
  }

  /** With its quotes, as it is written. */
  *string(give: (character: string) => void = () => undefined): Reading<string> {
    if (!this.sees('"')) throw new NoCall();
    let written = '';
    let isEscaped = false;
    do {
      if (this.sees('')) throw new NoCall();
      isEscaped = this.sees('\\') && !isEscaped;
      written += this.next;
      give(this.next);
      yield* this.advance();
    } while (!this.sees('"') || isEscaped);
    written += this.next;
    give(this.next);
    yield* this.advance();
    return written;
  }

  /** What stands before `end`, which is taken. */
  *to(end: string): Reading<string> {
    let read = '';
    while (!read.endsWith(end)) {
      if (this.sees('')) throw new NoCall();
      read += this.next;
      yield* this.advance();
    }
    return read.slice(0, -end.length);
  }

  *skip(): Reading {
    while (/\s/.test(this.next)) yield* this.advance();
  }

  *expect(word: string): Reading {
    for (const character of word) {
      if (this.next !== character) throw new NoCall();
      yield* this.advance();
    }
  }

  sees(character: string): boolean {
    return this.next === character;
  }
}

/** What a string of JSON says. */
export function unquoted(written: string): string {
  try {
    return String(JSON.parse(written));
  } catch {
    throw new NoCall();
  }
}
