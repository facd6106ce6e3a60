import { GrammarError } from './errors.ts';
import { maxMasks } from './limits.ts';
import { dead, type Machine } from './machine.ts';
import { isPlain, PlainText } from './plain_text.ts';
import { TokenTrie } from './token_trie.ts';

/** What a grammar needs to know of a vocabulary. */
export interface TokenBytes {
  readonly vocabLength: number;
  /** Tokens that end a text. */
  readonly stopTokens: ReadonlySet<number>;
  /** Tokens that are no part of any text. */
  readonly controlTokens: ReadonlySet<number>;
  tokenBytes(token: number): Uint8Array;
}

/** Longer tokens are not chosen under a grammar. */
const maxTokenBytes = 1024;

/** A vocabulary, ready for masks: a bit for each token, [vocabLength / 32]. */
export class MaskedVocabulary {
  readonly vocabulary: TokenBytes;
  readonly wordCount: number;
  readonly plain: TokenTrie;
  readonly plainMask: Uint32Array<ArrayBuffer>;
  /** Those that are not plain. */
  readonly others: TokenTrie;

  constructor(vocabulary: TokenBytes) {
    const { vocabLength, controlTokens, stopTokens } = vocabulary;
    this.vocabulary = vocabulary;
    this.wordCount = Math.ceil(vocabLength / 32);
    this.plainMask = new Uint32Array(this.wordCount);
    const plain: [number, Uint8Array][] = [];
    const others: [number, Uint8Array][] = [];
    for (let token = 0; token < vocabLength; token++) {
      if (controlTokens.has(token) || stopTokens.has(token)) continue;
      const bytes = vocabulary.tokenBytes(token);
      if (bytes.length === 0 || bytes.length > maxTokenBytes) continue;
      const isOfPlain = isPlain(bytes);
      (isOfPlain ? plain : others).push([token, bytes]);
      if (isOfPlain) allow(this.plainMask, token);
    }
    this.plain = new TokenTrie(plain);
    this.others = new TokenTrie(others);
  }
}

/** Which tokens may come next, by the state of a machine; each mask is made once. */
export class TokenMasks {
  readonly machine: Machine;
  readonly #vocabulary: MaskedVocabulary;
  readonly #plainText: PlainText;
  readonly #masks = new Map<number, Uint32Array<ArrayBuffer>>();
  readonly #states = new Int32Array(maxTokenBytes + 1);

  constructor(machine: Machine, vocabulary: MaskedVocabulary) {
    this.machine = machine;
    this.#vocabulary = vocabulary;
    this.#plainText = new PlainText(machine);
  }

  /** Throws `GrammarError` where the text may not end, and no token leads on. */
  of(state: number): Uint32Array<ArrayBuffer> {
    let mask = this.#masks.get(state);
    if (mask)
      this.#masks.delete(state); // it goes to the end again, behind those that were used before
    else {
      mask = this.#make(state);
      const [oldest] = this.#masks.keys();
      if (this.#masks.size >= maxMasks && oldest !== undefined) this.#masks.delete(oldest);
    }
    this.#masks.set(state, mask);
    return mask;
  }

  /** The state after a token; a stop token changes nothing. */
  after(state: number, token: number): number {
    const { vocabulary } = this.#vocabulary;
    if (vocabulary.stopTokens.has(token)) return state;
    let at = vocabulary.controlTokens.has(token) ? dead : state;
    for (const byte of vocabulary.tokenBytes(token)) at = this.machine.step(at, byte);
    return at;
  }

  #make(state: number): Uint32Array<ArrayBuffer> {
    const { plain, plainMask, others, wordCount, vocabulary } = this.#vocabulary;
    const isFree = this.#plainText.fits(state);
    const mask = isFree ? plainMask.slice() : new Uint32Array(wordCount);
    if (!isFree) this.#walk(plain, state, mask);
    this.#walk(others, state, mask);
    if (this.machine.canEnd(state)) for (const token of vocabulary.stopTokens) allow(mask, token);
    else if (mask.every((word) => word === 0)) {
      throw new GrammarError('no token of this vocabulary leads on to a text of the grammar');
    }
    return mask;
  }

  /** Allows the tokens below whose bytes the machine lives. */
  #walk({ bytes, depths, ends, firstToken, tokens }: TokenTrie, start: number, mask: Uint32Array): void {
    const { machine } = this;
    const states = this.#states;
    states[0] = start;
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node] as number;
      const state = machine.step(states[depth - 1] as number, bytes[node] as number);
      if (state === dead) {
        node = ends[node] as number;
        continue;
      }
      states[depth] = state;
      const end = firstToken[node + 1] as number;
      for (let i = firstToken[node] as number; i < end; i++) allow(mask, tokens[i] as number);
      node++;
    }
  }
}

function allow(mask: Uint32Array, token: number): void {
  mask[token >>> 5] = (mask[token >>> 5] as number) | (1 << (token & 31));
}
