import { Characters, NoCall, type Reading, unquoted } from './characters.ts';
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

/**
 * Tells an answer's tool calls from its text, whatever pieces it comes in: those of Hermes and ChatML, Llama 3, Mistral,
 * Qwen, and plain JSON at the beginning. It reads character by character; what may yet become a call is held back.
 */
export class ToolCallReader {
  readonly #tools: ReadonlyMap<string, ReadTool>;
  readonly #reading: Reading;
  readonly #input = new Characters();
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
    yield* this.#input.begin();
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
    const input = this.#input;
    input.taken = marker;
    try {
      yield* read();
    } catch (error) {
      if (!(error instanceof NoCall)) throw error;
      if (this.#callCount > before) return;
      const isWhole = input.next === '';
      for (const character of isWhole ? input.taken : marker) this.#say(character);
      if (!isWhole) input.goBack(marker.length);
    }
  }

  /** Up to a marker, which is taken, or to the end. */
  *#textToMarker(): Reading<Marker | undefined> {
    let held = '';
    while (this.#input.next !== '') {
      held += this.#input.next;
      while (held !== '' && !markers.some((marker) => marker.startsWith(held))) {
        this.#say(held[0] as string);
        held = held.slice(1);
      }
      const found = markers.find((marker) => marker === held);
      yield* this.#input.advance();
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
    yield* this.#input.skip();
    const isFenced = this.#input.sees('`');
    if (isFenced) {
      yield* this.#input.expect('```');
      for (const letter of 'json') if (this.#input.next === letter) yield* this.#input.advance();
      yield* this.#input.skip();
    }
    if (this.#input.sees('[')) yield* this.#list(true);
    else yield* this.#objects(true);
    if (isFenced) yield* this.#input.expect('```');
  }

  *#callsBehind(marker: Marker): Reading {
    if (marker === '<function=') return yield* this.#tagged();
    yield* this.#input.skip();
    if (marker === '<tool_call>') {
      if (this.#input.sees('<')) {
        yield* this.#input.expect('<function=');
        yield* this.#tagged();
      } else if (this.#input.sees('[')) yield* this.#list(false);
      else yield* this.#objects(false);
      yield* this.#input.skip();
      if (this.#input.sees('<')) yield* this.#input.expect('</tool_call>');
    } else if (this.#input.sees('[')) yield* this.#list(false);
    else if (this.#input.sees('{')) yield* this.#objects(false);
    else yield* this.#named();
  }

  /** `name[ARGS]{…}`, or `name{…}`. */
  *#named(): Reading {
    let name = '';
    while (/[\w.-]/.test(this.#input.next)) {
      name += this.#input.next;
      yield* this.#input.advance();
    }
    if (name === '') throw new NoCall();
    if (this.#input.sees('[')) yield* this.#input.expect('[ARGS]');
    yield* this.#input.skip();
    if (!this.#input.sees('{')) throw new NoCall();
    this.#begin(name);
    yield* this.#input.value((character) => this.#give(character));
  }

  *#list(isPlain: boolean): Reading {
    yield* this.#input.expect('[');
    yield* this.#input.skip();
    while (!this.#input.sees(']')) {
      yield* this.#object(isPlain);
      yield* this.#input.skip();
      if (this.#input.sees(',')) yield* this.#input.advance();
      yield* this.#input.skip();
    }
    yield* this.#input.advance();
  }

  /** One, or several with commas, semicolons or white space between them. */
  *#objects(isPlain: boolean): Reading {
    do {
      yield* this.#object(isPlain);
      yield* this.#input.skip();
      while (this.#input.sees(';') || this.#input.sees(',')) {
        yield* this.#input.advance();
        yield* this.#input.skip();
      }
    } while (this.#input.sees('{'));
  }

  /** `{"name": …, "arguments": …}`, in any order; a plain one must name a tool, and have arguments. */
  *#object(isPlain: boolean): Reading {
    let name: string | undefined;
    let given: string | undefined;
    let isBegun = false;
    let isNested = false;
    yield* this.#input.expect('{');
    yield* this.#input.skip();
    while (!this.#input.sees('}')) {
      const key = unquoted(yield* this.#input.string());
      yield* this.#input.skip();
      yield* this.#input.expect(':');
      yield* this.#input.skip();
      if (isPlain && name === undefined && !keysBefore.includes(key) && !argumentKeys.includes(key)) throw new NoCall();
      if (key === 'name') {
        name = unquoted(yield* this.#input.string());
        if (isPlain && !this.#tools.has(name)) throw new NoCall();
      } else if (key === 'function' && this.#input.sees('{')) {
        yield* this.#object(isPlain);
        isNested = true;
      } else if (!argumentKeys.includes(key)) yield* this.#input.value(() => undefined);
      else if (name !== undefined && !this.#input.sees('"') && !isBegun) {
        this.#begin(name);
        isBegun = true;
        yield* this.#input.value((character) => this.#give(character));
      } else given = yield* this.#input.whole();
      yield* this.#input.skip();
      if (this.#input.sees(',')) {
        yield* this.#input.advance();
        yield* this.#input.skip();
      } else if (!this.#input.sees('}')) throw new NoCall();
    }
    if (isNested || isBegun) return yield* this.#input.advance();
    if (name === undefined || (isPlain && given === undefined)) throw new NoCall();
    yield* this.#input.advance();
    this.#begin(name);
    this.#give(given ?? '{}');
  }

  /** `name>`, then `<parameter=key>value</parameter>` or JSON, then `</function>`. */
  *#tagged(): Reading {
    const name = yield* this.#input.to('>');
    yield* this.#input.skip();
    this.#begin(name);
    if (this.#input.sees('{')) {
      yield* this.#input.value((character) => this.#give(character));
      yield* this.#input.skip();
      return yield* this.#input.expect('</function>');
    }
    let separator = '{';
    while (this.#input.sees('<')) {
      yield* this.#input.expect('<');
      if (this.#input.sees('/')) break;
      yield* this.#input.expect('parameter=');
      const key = yield* this.#input.to('>');
      const written = (yield* this.#input.to('</parameter>')).replace(/^\n/, '').replace(/\n$/, '');
      this.#give(`${separator}${JSON.stringify(key)}: ${JSON.stringify(this.#meant(name, key, written))}`);
      separator = ', ';
      yield* this.#input.skip();
    }
    this.#give(separator === '{' ? '{}' : '}');
    yield* this.#input.expect('/function>');
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
}

/** Nine letters and digits, as Mistral's templates want them. */
function callId(): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => letters[byte % letters.length]).join('');
}
