/**
 * A model without a GPU: its tokens are UTF-8's bytes, every prompt has the same scripted answer, and the logits of each
 * place follow from the tokens before it.
 */

import { generateText } from '../../src/decoding/generate.ts';
import type { Chosen, GenerationOptions } from '../../src/decoding/generation.ts';
import { Grammars } from '../../src/grammar/index.ts';
import { type LocalLLM, readToolCalls, type Tokenizer, TokenizerError, toolUseOf } from '../../src/index.ts';
import type { ServedModel } from '../../src/server/index.ts';
import { Utf8Stream } from '../../src/tokenizer/text_stream.ts';

export const bos = 256;
export const eos = 257;
export const vocabLength = 258;
const specialTexts = ['<s>', '</s>'];

export interface FakeOptions {
  readonly sequences?: number;
  readonly contextLength?: number;
  /** What it says to everything, before it ends its turn. */
  readonly answer?: string;
  /** Logits alone, as of a model that cannot score. */
  readonly wholeRows?: boolean;
  /** Awaited before each token. */
  readonly beforeToken?: () => Promise<void>;
}

interface Running {
  readonly reused: number;
  readonly tokens: number[];
  readonly sampler: GenerationOptions['sampler'];
  next: number;
}

export interface FakeLlm extends ServedModel, Pick<LocalLLM, 'generate'> {
  /** Generations under way, the most there were at once, those that were ended early, and places that were scored. */
  readonly seen: { running: number; most: number; aborted: number; scoredRows: number; options: GenerationOptions[] };
}

export function fakeLlm(options: FakeOptions = {}): FakeLlm {
  const { sequences = 2, contextLength = 512, answer = 'Hello, wörld!', beforeToken } = options;
  const grammars = new Grammars(fakeTokenizer);
  const script = [...bytesOf(answer), eos];
  const seen: FakeLlm['seen'] = { running: 0, most: 0, aborted: 0, scoredRows: 0, options: [] };
  const generator = {
    async start(prompt: readonly number[], generation: GenerationOptions) {
      seen.options.push(generation);
      seen.most = Math.max(seen.most, ++seen.running);
      return { reused: 0, tokens: [...prompt], next: 0, sampler: generation.sampler };
    },
    async next(running: Running): Promise<Chosen | undefined> {
      await beforeToken?.();
      if (running.tokens.length >= contextLength) return undefined;
      const logits = logitsAfter(running.tokens);
      const scripted = script[running.next++ % script.length] as number;
      logits[scripted] = 20;
      const { sampler } = running;
      const id = sampler.isConstrained ? sampler.sample(logits) : scripted;
      sampler.advance(id);
      running.tokens.push(id);
      return { id, logits, startsPass: true, isLast: sampler.isOver };
    },
    end() {
      seen.running--;
    },
  };
  const llm: FakeLlm = {
    seen,
    tokenizer: fakeTokenizer,
    info: {
      architecture: 'fake',
      name: 'Fake',
      parameterCount: 0,
      tensorTypes: {},
      precision: 'exact',
      kvType: 'f32',
      contextLength,
      sequences,
      weightBytes: 0,
      hostEmbeddings: false,
      kvBytes: 0,
      adapter: 'none',
    } as unknown as ServedModel['info'],
    async *generate(prompt, generateOptions = {}) {
      const tokens = typeof prompt === 'string' ? fakeTokenizer.encode(prompt) : prompt;
      const constraint = grammars.constraintOf(generateOptions);
      const result = yield* generateText(generator, tokens, fakeTokenizer, generateOptions, constraint);
      if (result.stopReason === 'abort') seen.aborted++;
      return result;
    },
    toolCallForm: 'hermes',
    async *answer(prompt, chatOptions = {}) {
      const use = toolUseOf(chatOptions, 'hermes');
      if (!use) return yield* llm.generate(prompt, chatOptions);
      return yield* readToolCalls(llm.generate(prompt, { ...chatOptions, toolUse: use }), use, fakeTokenizer);
    },
    chatTokens: (messages) =>
      fakeTokenizer.encode(messages.map(({ role, content }) => `${role}: ${content}\n`).join('')),
    async *logitRows(tokens, signal) {
      for (let length = 1; length <= tokens.length; length++) {
        signal?.throwIfAborted();
        yield logitsAfter(tokens.slice(0, length));
      }
    },
    async *scores(tokens, { from, top }) {
      for (let length = from + 1; length <= tokens.length; length++) {
        seen.scoredRows++;
        const logits = [...logitsAfter(tokens.slice(0, length))];
        const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
        const of = (id: number) => ({ id, logprob: logits[id]! - logSum });
        const ids = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]!);
        await Promise.resolve();
        yield [{ ...of(tokens[length] ?? ids[0]!), top: ids.slice(0, top).map(of) }];
      }
    },
    saveSequence: async (_, write) => {
      await write(new Uint8Array(1));
      return { tokens: 0 };
    },
    restoreSequence: async () => ({ tokens: 0 }),
    eraseSequence: async () => ({ tokens: 0 }),
    async embed(input) {
      return Float32Array.of(input.length, 0.5);
    },
  };
  if (!options.wholeRows) return llm;
  const { scores, ...others } = llm;
  return others;
}

/** Between -4 and 4; a hash of all tokens decides. */
export function logitsAfter(tokens: readonly number[]): Float32Array {
  let hash = 2166136261;
  for (const token of tokens) hash = Math.imul(hash ^ token, 16777619);
  return Float32Array.from({ length: vocabLength }, (_, id) => 4 * Math.sin(hash + id * id));
}

const fakeTokenizer: Tokenizer = {
  vocabLength,
  bosToken: bos,
  eosToken: eos,
  stopTokens: new Set([eos]),
  controlTokens: new Set([bos, eos]),
  encode(text, { addSpecial = true, parseSpecial = false } = {}) {
    const parts = parseSpecial ? text.split(/(<\/?s>)/) : [text];
    const tokens = parts.flatMap((part, i) => (i % 2 === 0 ? [...bytesOf(part)] : [part === '<s>' ? bos : eos]));
    return addSpecial ? [bos, ...tokens] : tokens;
  },
  decode(tokens, options) {
    const stream = fakeTokenizer.stream(options);
    return tokens.map((token) => stream.push(token)).join('') + stream.end();
  },
  stream({ special = false } = {}) {
    return new Utf8Stream((token) => (token < bos || special ? fakeTokenizer.tokenBytes(token) : new Uint8Array(0)));
  },
  tokenText: (token) => specialTexts[token - bos] ?? String.fromCharCode(token),
  tokenBytes: (token) => {
    if (token >= vocabLength) throw new TokenizerError(`${token} is no token`);
    return token < bos ? Uint8Array.of(token) : bytesOf(specialTexts[token - bos] as string);
  },
};

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
