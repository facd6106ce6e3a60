import type { TextStream, Token, Tokenizer } from '../index.ts';
import type { ScoredToken, TokenProbability } from './score.ts';
import { tokenText } from './token_text.ts';

/** The `logprobs` of a text completion: four lists of one length. */
export interface CompletionLogprobs {
  tokens: string[];
  /** The first token of an echoed prompt has none. */
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  /** Code points of the text before each token. */
  text_offset: number[];
}

/** Collects tokens in their order, prompt and answer alike. */
export class LogprobList {
  readonly #tokenizer: Tokenizer;
  readonly #stream: TextStream;
  #lists = emptyLists();
  #offset = 0;

  /** `continuation`: the list begins in the middle of a text, whose first piece's space belongs to it. */
  constructor(tokenizer: Tokenizer, continuation: boolean) {
    this.#tokenizer = tokenizer;
    this.#stream = tokenizer.stream({ special: true, continuation });
  }

  /** The first token, which nothing precedes. `isHidden`: the prompt's text does not have it. */
  first(id: number, isHidden: boolean): void {
    this.#add(id, null, null, isHidden);
  }

  /** A token, and the most likely in its place: those that read alike share the larger number. */
  scored({ id, logprob, top }: ScoredToken): void {
    const texts: Record<string, number> = Object.create(null);
    for (const each of [...top, { id, logprob }] as TokenProbability[]) {
      const text = tokenText(this.#tokenizer, each.id);
      texts[text] = Math.max(each.logprob, texts[text] ?? Number.NEGATIVE_INFINITY);
    }
    this.#add(id, logprob, texts, false);
  }

  generated({ id, logprob = 0, topLogprobs = [] }: Token): void {
    this.scored({ id, logprob, top: topLogprobs });
  }

  /** What was added since it was last asked. */
  take(): CompletionLogprobs {
    const lists = this.#lists;
    this.#lists = emptyLists();
    return lists;
  }

  #add(id: number, logprob: number | null, top: Record<string, number> | null, isHidden: boolean): void {
    const { tokens, token_logprobs, top_logprobs, text_offset } = this.#lists;
    tokens.push(tokenText(this.#tokenizer, id));
    token_logprobs.push(logprob);
    top_logprobs.push(top);
    text_offset.push(this.#offset);
    const text = this.#stream.push(id);
    if (!isHidden) for (const _ of text) this.#offset++;
  }
}

function emptyLists(): CompletionLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
}
