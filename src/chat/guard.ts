import type { RenderedPrompt } from './chat.ts';

/** Noncharacters of Unicode, which no text should have; the first that the conversation lacks is the guard. */
const CANDIDATES = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));

/**
 * Marks untrusted text on its way through a template: a guard goes before a character that no control token may cover. The
 * template puts texts together as it likes; where guards come out of it, the prompt has untrusted text.
 */
export class Guard {
  /** '' where nothing needs to be guarded. */
  readonly character: string;
  readonly #occurrence: RegExp;
  readonly #heads = new Set<string>();
  readonly #tails = new Set<string>();
  readonly #longest: number;

  /** `everything`: all that goes into the template, as one text. */
  constructor(controlTexts: Iterable<string>, everything: string) {
    const texts = [...controlTexts].filter((text) => text !== '');
    this.character = texts.length === 0 ? '' : (CANDIDATES.find((guard) => !everything.includes(guard)) ?? '');
    this.#longest = texts.reduce((longest, text) => Math.max(longest, text.length), 0);
    texts.sort((a, b) => b.length - a.length);
    this.#occurrence = new RegExp(texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
    for (const text of texts) {
      for (let length = 1; length < text.length; length++) {
        this.#heads.add(text.slice(0, length));
        this.#tails.add(text.slice(-length));
      }
    }
  }

  /** `text` with a guard in every control text, and in what could become one beside other text. */
  mark(text: string): string {
    if (this.character === '' || text === '') return text;
    const guarded = new Set<number>();
    this.#occurrence.lastIndex = 0;
    for (let match = this.#occurrence.exec(text); match; match = this.#occurrence.exec(text)) {
      guarded.add(match.index + (match[0].length > 1 ? 1 : 0));
      this.#occurrence.lastIndex = match.index + 1;
    }
    for (let length = 1; length < Math.min(this.#longest, text.length + 1); length++) {
      if (this.#heads.has(text.slice(-length))) guarded.add(text.length - 1);
      if (this.#tails.has(text.slice(0, length))) guarded.add(Math.min(1, length - 1));
    }
    let marked = '';
    let start = 0;
    for (const position of [...guarded].sort((a, b) => a - b)) {
      marked += text.slice(start, position) + this.character;
      start = position;
    }
    return marked + text.slice(start);
  }

  /** The prompt without its guards, and where they stood. */
  unmark(rendered: string): RenderedPrompt {
    if (this.character === '' || !rendered.includes(this.character)) return { text: rendered, untrusted: [] };
    const parts = rendered.split(this.character);
    const untrusted: [number, number][] = [];
    let position = 0;
    for (const part of parts.slice(0, -1)) {
      position += part.length;
      if (untrusted.at(-1)?.[0] !== position) untrusted.push([position, position + 1]);
    }
    return { text: parts.join(''), untrusted };
  }
}
