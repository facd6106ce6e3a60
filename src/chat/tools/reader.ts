import type { ToolCallDelta } from './tools.ts';

/** What a reader must know of the tools: how the values of tagged parameters are meant. */
export interface ReadTool {
  readonly name: string;
  readonly parameters?: unknown;
}

/** Text that is no call, and calls, as far as they are clear. */
export interface ReadAnswer {
  readonly text: string;
  readonly calls: readonly ToolCallDelta[];
}

const markers = ['<tool_call>', '[TOOL_CALLS]', '<|python_tag|>', '<|tool_call|>', '<function='] as const;
type Marker = (typeof markers)[number];
const argumentKeys = ['arguments', 'parameters', 'args'];
/** What may stand before the name in a call that has no marker. */
const keysBefore = ['type', 'id', 'function', 'name'];

/** It is no call after all. */
class NoCall extends Error {}

type Reading<T = void> = Generator<undefined, T, string>;

/**
 * Tells an answer's tool calls from its text, whatever pieces it comes in: those of Hermes and ChatML, Llama 3, Mistral,
 * Qwen, and plain JSON at the beginning. It reads character by character; what may yet become a call is held back.
 */
export class ToolCallReader {
  readonly #tools: ReadonlyMap<string, ReadTool>;
  readonly #reading: Reading;
  /** The next character, not taken yet; '' at the end. */
  #next = '';
  /** Since the last marker: it is text where no call comes of it. */
  #raw = '';
  /** Characters that are read once more, before others. */
  #again = '';
  #space = '';
  #text = '';
  #calls: ToolCallDelta[] = [];
  #callCount = 0;

  constructor(tools: readonly ReadTool[]) {
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#reading = this.#answer();
    this.#reading.next();
  }

  push(text: string): ReadAnswer {
    for (let i = 0; i < text.length; i++) this.#reading.next(text[i] as string);
    return this.#take();
  }

  /** Nothing more comes. */
  end(): ReadAnswer {
    this.#reading.next('');
    return this.#take();
  }

  #take(): ReadAnswer {
    const taken = { text: this.#text, calls: this.#calls };
    this.#text = '';
    this.#calls = [];
    return taken;
  }

  *#answer(): Reading {
    this.#next = yield;
    yield* this.#attempt('', () => this.#plainCalls());
    for (;;) {
      const marker = yield* this.#textToMarker();
      if (!marker) break;
      yield* this.#attempt(marker, () => this.#callsBehind(marker));
    }
    if (this.#callCount === 0) this.#text += this.#space;
    yield;
  }

  /** Reads calls; where there are none after all, what was read is read again, as text: a marker itself is not tried twice. */
  *#attempt(marker: string, read: () => Reading): Reading {
    const before = this.#callCount;
    this.#raw = marker;
    try {
      yield* read();
    } catch (error) {
      if (!(error instanceof NoCall)) throw error;
      if (this.#callCount > before) return;
      const isWhole = this.#next === '';
      const said = isWhole ? this.#raw : marker;
      for (const character of said) this.#say(character);
      if (isWhole || this.#raw.length === marker.length) return;
      this.#again = this.#raw.slice(marker.length + 1) + this.#next + this.#again;
      this.#next = this.#raw[marker.length] as string;
    }
  }

  /** Up to a marker, which is taken, or to the end. */
  *#textToMarker(): Reading<Marker | undefined> {
    let held = '';
    while (this.#next !== '') {
      held += this.#next;
      while (held !== '' && !markers.some((marker) => marker.startsWith(held))) {
        this.#say(held[0] as string);
        held = held.slice(1);
      }
      const found = markers.find((marker) => marker === held);
      yield* this.#advance();
      if (found) return found;
    }
    for (const character of held) this.#say(character);
    return undefined;
  }

  /** White space waits: before a call it is no text. */
  #say(character: string): void {
    if (/\s/.test(character)) this.#space += character;
    else {
      this.#text += this.#space + character;
      this.#space = '';
    }
  }

  /** Calls at the very beginning, as JSON alone, or in a fence of backticks. */
  *#plainCalls(): Reading {
    yield* this.#skip();
    const isFenced = this.#sees('`');
    if (isFenced) {
      yield* this.#expect('```');
      for (const letter of 'json') if (this.#next === letter) yield* this.#advance();
      yield* this.#skip();
    }
    if (this.#sees('[')) yield* this.#list(true);
    else yield* this.#objects(true);
    if (isFenced) yield* this.#expect('```');
  }

  *#callsBehind(marker: Marker): Reading {
    if (marker === '<function=') return yield* this.#tagged();
    yield* this.#skip();
    if (marker === '<tool_call>') {
      if (this.#sees('<')) {
        yield* this.#expect('<function=');
        yield* this.#tagged();
      } else if (this.#sees('[')) yield* this.#list(false);
      else yield* this.#objects(false);
      yield* this.#skip();
      if (this.#sees('<')) yield* this.#expect('</tool_call>');
    } else if (this.#sees('[')) yield* this.#list(false);
    else if (this.#sees('{')) yield* this.#objects(false);
    else yield* this.#named();
  }

  /** `name[ARGS]{…}`, or `name{…}`. */
  *#named(): Reading {
    let name = '';
    while (/[\w.-]/.test(this.#next)) {
      name += this.#next;
      yield* this.#advance();
    }
    if (name === '') throw new NoCall();
    if (this.#sees('[')) yield* this.#expect('[ARGS]');
    yield* this.#skip();
    if (!this.#sees('{')) throw new NoCall();
    this.#begin(name);
    yield* this.#value((character) => this.#give(character));
  }

  *#list(isPlain: boolean): Reading {
    yield* this.#expect('[');
    yield* this.#skip();
    while (!this.#sees(']')) {
      yield* this.#object(isPlain);
      yield* this.#skip();
      if (this.#sees(',')) yield* this.#advance();
      yield* this.#skip();
    }
    yield* this.#advance();
  }

  /** One, or several with commas, semicolons or white space between them. */
  *#objects(isPlain: boolean): Reading {
    do {
      yield* this.#object(isPlain);
      yield* this.#skip();
      while (this.#sees(';') || this.#sees(',')) {
        yield* this.#advance();
        yield* this.#skip();
      }
    } while (this.#sees('{'));
  }

  /** `{"name": …, "arguments": …}`, in any order; a plain one must name a tool, and have arguments. */
  *#object(isPlain: boolean): Reading {
    let name: string | undefined;
    let given: string | undefined;
    let isBegun = false;
    let isNested = false;
    yield* this.#expect('{');
    yield* this.#skip();
    while (!this.#sees('}')) {
      const key = unquoted(yield* this.#string());
      yield* this.#skip();
      yield* this.#expect(':');
      yield* this.#skip();
      if (isPlain && name === undefined && !keysBefore.includes(key) && !argumentKeys.includes(key)) throw new NoCall();
      if (key === 'name') {
        name = unquoted(yield* this.#string());
        if (isPlain && !this.#tools.has(name)) throw new NoCall();
      } else if (key === 'function' && this.#sees('{')) {
        yield* this.#object(isPlain);
        isNested = true;
      } else if (!argumentKeys.includes(key)) yield* this.#value(() => undefined);
      else if (name !== undefined && !this.#sees('"') && !isBegun) {
        this.#begin(name);
        isBegun = true;
        yield* this.#value((character) => this.#give(character));
      } else given = yield* this.#whole();
      yield* this.#skip();
      if (this.#sees(',')) {
        yield* this.#advance();
        yield* this.#skip();
      } else if (!this.#sees('}')) throw new NoCall();
    }
    if (isNested || isBegun) return yield* this.#advance();
    if (name === undefined || (isPlain && given === undefined)) throw new NoCall();
    yield* this.#advance();
    this.#begin(name);
    this.#give(given ?? '{}');
  }

  /** `name>`, then `<parameter=key>value</parameter>` or JSON, then `</function>`. */
  *#tagged(): Reading {
    const name = yield* this.#to('>');
    yield* this.#skip();
    this.#begin(name);
    if (this.#sees('{')) {
      yield* this.#value((character) => this.#give(character));
      yield* this.#skip();
      return yield* this.#expect('</function>');
    }
    let separator = '{';
    while (this.#sees('<')) {
      yield* this.#expect('<');
      if (this.#sees('/')) break;
      yield* this.#expect('parameter=');
      const key = yield* this.#to('>');
      const written = (yield* this.#to('</parameter>')).replace(/^\n/, '').replace(/\n$/, '');
      this.#give(`${separator}${JSON.stringify(key)}: ${JSON.stringify(this.#meant(name, key, written))}`);
      separator = ', ';
      yield* this.#skip();
    }
    this.#give(separator === '{' ? '{}' : '}');
    yield* this.#expect('/function>');
  }

  /** A tagged value is text where the schema says so, and otherwise JSON, if it is that. */
  #meant(name: string, key: string, written: string): unknown {
    const parameters = this.#tools.get(name)?.parameters as
      | { properties?: Record<string, { type?: unknown }> }
      | undefined;
    if (parameters?.properties?.[key]?.type === 'string') return written;
    try {
      return JSON.parse(written);
    } catch {
      return written;
    }
  }

  #begin(name: string): void {
    this.#calls.push({ index: this.#callCount++, id: callId(), name, arguments: '' });
    this.#space = '';
  }

  #give(characters: string): void {
    const last = this.#calls.at(-1);
    const index = this.#callCount - 1;
    if (last?.index === index)
      this.#calls[this.#calls.length - 1] = { ...last, arguments: last.arguments + characters };
    else this.#calls.push({ index, arguments: characters });
  }

  /** A JSON value, or what a string of JSON says. */
  *#whole(): Reading<string> {
    const isText = this.#sees('"');
    let written = '';
    yield* this.#value((character) => {
      written += character;
    });
    return isText ? unquoted(written) : written;
  }

  *#value(give: (character: string) => void): Reading {
    if (this.#sees('"')) return void (yield* this.#string(give));
    if (!this.#sees('{') && !this.#sees('[')) {
      if (!/[\w+-]/.test(this.#next)) throw new NoCall();
      while (/[\w.+-]/.test(this.#next)) {
        give(this.#next);
        yield* this.#advance();
      }
      return;
    }
    let depth = 0;
    do {
      if (this.#sees('"')) {
        yield* this.#string(give);
        continue;
      }
      if (this.#sees('{') || this.#sees('[')) depth++;
      if (this.#sees('}') || this.#sees(']')) depth--;
      give(this.#next);
      yield* this.#advance();
      if (this.#sees('') && depth > 0) throw new NoCall();
    } while (depth > 0);
  }

  /** With its quotes, as it is written. */
  *#string(give: (character: string) => void = () => undefined): Reading<string> {
    if (!this.#sees('"')) throw new NoCall();
    let written = '';
    let isEscaped = false;
    do {
      if (this.#sees('')) throw new NoCall();
      isEscaped = this.#sees('\\') && !isEscaped;
      written += this.#next;
      give(this.#next);
      yield* this.#advance();
    } while (!this.#sees('"') || isEscaped);
    written += this.#next;
    give(this.#next);
    yield* this.#advance();
    return written;
  }

  /** What stands before `end`, which is taken. */
  *#to(end: string): Reading<string> {
    let read = '';
    while (!read.endsWith(end)) {
      if (this.#sees('')) throw new NoCall();
      read += this.#next;
      yield* this.#advance();
    }
    return read.slice(0, -end.length);
  }

  *#skip(): Reading {
    while (/\s/.test(this.#next)) yield* this.#advance();
  }

  *#expect(word: string): Reading {
    for (const character of word) {
      if (this.#next !== character) throw new NoCall();
      yield* this.#advance();
    }
  }

  #sees(character: string): boolean {
    return this.#next === character;
  }

  *#advance(): Reading {
    this.#raw += this.#next;
    if (this.#again === '') this.#next = yield;
    else {
      this.#next = this.#again[0] as string;
      this.#again = this.#again.slice(1);
    }
  }
}

function unquoted(written: string): string {
  try {
    return String(JSON.parse(written));
  } catch {
    throw new NoCall();
  }
}

/** Nine letters and digits, as Mistral's templates want them. */
function callId(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => letters[byte % letters.length]).join('');
}
