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

/** Tokens that may come next, and bytes to the nearest end of the text behind the one that leads farthest from it. */
interface StateMask {
  readonly mask: Uint32Array<ArrayBuffer>;
  readonly farthest: number;
}

/** Which tokens may come next, by the state of a machine; each mask is made once. */
export class TokenMasks {
  readonly machine: Machine;
  readonly #vocabulary: MaskedVocabulary;
  readonly #plainText: PlainText;
  readonly #masks = new Map<number, StateMask>();
  readonly #states = new Int32Array(maxTokenBytes + 1);

  constructor(machine: Machine, vocabulary: MaskedVocabulary) {
    this.machine = machine;
    this.#vocabulary = vocabulary;
    this.#plainText = new PlainText(machine);
  }

  /** Throws `GrammarError` where the text may not end, and no token leads on. */
  of(state: number): StateMask {
    let known = this.#masks.get(state);
    if (known)
      this.#masks.delete(state); // it goes to the end again, behind those that were used before
    else {
      known = this.#make(state, Number.POSITIVE_INFINITY);
      if (isEmpty(known.mask) && !this.machine.canEnd(state))
        throw new GrammarError('no token of this vocabulary leads on to a text of the grammar');
      const [oldest] = this.#masks.keys();
      if (this.#masks.size >= maxMasks && oldest !== undefined) this.#masks.delete(oldest);
    }
    this.#masks.set(state, known);
    return known;
  }

  /** Those alone behind which an end is so many bytes away at most; undefined where there are none. */
  within(distance: number, state: number): Uint32Array<ArrayBuffer> | undefined {
    const { mask } = this.#make(state, distance);
    return isEmpty(mask) ? undefined : mask;
  }

  isStop(token: number): boolean {
    return this.#vocabulary.vocabulary.stopTokens.has(token);
  }

  /** The state after a token that is no stop token. */
  after(state: number, token: number): number {
    const { vocabulary } = this.#vocabulary;
    let at = vocabulary.controlTokens.has(token) ? dead : state;
    for (const byte of vocabulary.tokenBytes(token)) at = this.machine.step(at, byte);
    return at;
  }

  #make(state: number, distance: number): StateMask {
    const { plain, plainMask, others, wordCount, vocabulary } = this.#vocabulary;
    const ofPlain = this.#plainText.farthest(state) ?? Number.POSITIVE_INFINITY;
    const isFree = ofPlain < Number.POSITIVE_INFINITY && ofPlain <= distance;
    const mask = isFree ? plainMask.slice() : new Uint32Array(wordCount);
    const farthest = isFree ? ofPlain : this.#walk(plain, state, distance, mask);
    const ofOthers = this.#walk(others, state, distance, mask);
    if (this.machine.canEnd(state)) for (const token of vocabulary.stopTokens) allow(mask, token);
    return { mask, farthest: Math.max(farthest, ofOthers) };
  }

  /** Allows the tokens below whose bytes the machine lives, and may end soon; how far from an end they lead. */
  #walk(trie: TokenTrie, start: number, most: number, mask: Uint32Array): number {
    const { bytes, depths, ends, firstToken, tokens } = trie;
    const { machine } = this;
    const states = this.#states;
    let farthest = 0;
    states[0] = start;
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node] as number;
      const state = machine.step(states[depth - 1] as number, bytes[node] as number);
      if (state === dead) {
        node = ends[node] as number;
        continue;
      }
      states[depth] = state;
      const first = firstToken[node] as number;
      const end = firstToken[node + 1] as number;
      const distance = first < end ? machine.distance(state) : 0;
      if (distance <= most) for (let i = first; i < end; i++) allow(mask, tokens[i] as number);
      farthest = Math.max(farthest, distance);
      node++;
    }
    return farthest;
  }
}

const isEmpty = (mask: Uint32Array) => mask.every((word) => word === 0);

function allow(mask: Uint32Array, token: number): void {
  mask[token >>> 5] = (mask[token >>> 5] as number) | (1 << (token & 31));
}
