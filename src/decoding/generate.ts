import type { ToolCallDelta } from '../chat/index.ts';
import type { Constraint, GrammarOptions } from '../grammar/index.ts';
import type { Chosen, GenerationOptions, PromptProgress } from './generation.ts';
import { logprobsOf } from './logprobs.ts';
import { Sampler } from './sampler.ts';
import { checkRange, type SamplingOptions } from './sampling_options.ts';
import { StopStrings } from './stop_strings.ts';
import type { StreamingStats } from './streaming_stats.ts';

/** How a text goes on, and where it ends. */
export interface GenerateOptions extends SamplingOptions, GrammarOptions {
  /**
   * Tokens to generate, at most; `Infinity` is until the context is full. Under a grammar the text is brought to an end
   * before, if it has one of fewer bytes: JSON stays whole. Default 128.
   */
  maxTokens?: number;
  /** The text ends before the first of these that it would contain. Default none. */
  stop?: readonly string[];
  /** Tokens carry their log-probability, and those of so many of the most likely tokens. Default: neither. */
  logprobs?: number;
  /**
   * When tokens are guessed ahead and verified together in one pass; the text is the same. `auto`: where it is measured
   * to be faster; `always`: wherever there is a guess; or `off`. Default `auto`. Tokens with penalties are not guessed.
   */
  speculation?: 'auto' | 'always' | 'off';
  /** Hears how much of a prompt is computed, each time that a part of it is. Default: nobody does. */
  onProgress?(progress: PromptProgress): void;
  /** Ends generation within a step; what was generated stands. Default: nothing does. */
  signal?: AbortSignal;
}

/**
 * A stop token or the end of a grammar's text, a stop string, `maxTokens` or the end of the context, the signal. A
 * grammar's text that was brought to its end because few tokens were left is `length` as well.
 */
export type StopReason = 'eos' | 'stop' | 'length' | 'abort';

/** One generated token and the text that is clear with it, which may be empty. */
export interface Token {
  /** In the model's vocabulary. */
  readonly id: number;
  /** In whole characters: what is unfinished comes with a later token. */
  readonly text: string;
  /** With `logprobs`: natural logarithm of its probability over the whole vocabulary, at temperature 1, before samplers. */
  readonly logprob?: number;
  /** With `tools`: what is now clear of the calls that the answer makes; their text is not among `text`. */
  readonly toolCalls?: readonly ToolCallDelta[];
  /** With `logprobs`: the most likely tokens in its place, best first; it may be one of them. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

/** A token that might have stood there. */
export interface TokenLogprob {
  /** In the model's vocabulary. */
  readonly id: number;
  /** What the token alone decodes to; parts of a character are U+FFFD. */
  readonly text: string;
  /** Natural logarithm of its probability, as `Token.logprob`. */
  readonly logprob: number;
}

/** Times of one phase. */
export interface PhaseStats {
  /** How many it took in or gave. */
  readonly tokens: number;
  /** From its start to its end. */
  readonly milliseconds: number;
  /** Their ratio; 0 where no time was taken. */
  readonly tokensPerSecond: number;
}

/** How a generation went. */
export interface GenerateStats {
  /** Why it ended. */
  readonly stopReason: StopReason;
  /** Prompt tokens that the cache held from an earlier call; the others were computed. */
  readonly cachedTokens: number;
  /** From the first step to the first token. */
  readonly prefill: PhaseStats;
  /** The tokens after the first. */
  readonly decode: PhaseStats;
  /** Passes through the model that the tokens after the first took. */
  readonly passes: number;
  /** Tokens after the first, by passes; 0 where there were none. */
  readonly tokensPerPass: number;
  /** Tokens that were guessed ahead, and those of them that were right. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  /** Where weights are streamed. */
  readonly streaming?: StreamingStats;
}

/** What a generator returns after its last token. */
export interface GenerateResult extends GenerateStats {
  /** What the tokens left: text that might have become a stop string, an unfinished character as U+FFFD; empty as a rule. */
  readonly textEnd: string;
}

/** What generation needs of a tokenizer. */
export interface TokenTexts {
  readonly vocabLength: number;
  readonly stopTokens: ReadonlySet<number>;
  stream(): { push(token: number): string; end(): string };
  decode(tokens: readonly number[], options: { special: boolean; continuation: boolean }): string;
}

/** What the generate loop reads of a text that is being generated. */
export interface RunningText {
  /** Prompt tokens that the cache held already. */
  readonly reused: number;
  /** How the guesses went, where there are any. */
  readonly drafter?: { readonly draftedCount: number; readonly acceptedCount: number } | undefined;
}

/** Who generates: the scheduler, or what a test puts in its place. */
export interface Generator<Running extends RunningText> {
  start(prompt: readonly number[], options: GenerationOptions, signal?: AbortSignal): Promise<Running>;
  /** The next token; undefined where the context is full. */
  next(running: Running): Promise<Chosen | undefined>;
  /** Ends it: the first `length` tokens of prompt and answer stand. */
  end(running: Running, length: number): void;
}

export const defaultMaxTokens = 128;
/** What `speculation` may be. */
export const speculationModes = ['auto', 'always', 'off'] as const;

/**
 * Tokens after `prompt`, one by one, until a stop token (which is not yielded), a stop string, the limit or the
 * context's end. The tokens of a stop string are yielded, since the model has said them, but none of their text from
 * where it begins. With a `constraint` the tokens are those of its grammar. Throws `RangeError` for options out of their range, `ContextFullError` for too long a prompt.
 */
export async function* generateText<Running extends RunningText>(
  generator: Generator<Running>,
  prompt: readonly number[],
  texts: TokenTexts,
  options: GenerateOptions = {},
  constraint?: Constraint,
): AsyncGenerator<Token, GenerateResult> {
  const { maxTokens = defaultMaxTokens, logprobs, speculation = 'auto', signal } = options;
  if (maxTokens !== Number.POSITIVE_INFINITY) checkRange('maxTokens', maxTokens, { from: 0, whole: true });
  if (logprobs !== undefined) checkRange('logprobs', logprobs, { from: 0, whole: true });
  if (!speculationModes.includes(speculation)) {
    throw new RangeError(`speculation is ${speculationModes.join(' or ')}, not ${JSON.stringify(speculation)}`);
  }
  const sampler = new Sampler(options, texts.vocabLength, constraint);
  const stream = texts.stream();
  const stops = new StopStrings(options.stop);
  const clock = new Clock();
  let count = 0;
  let passes = 0;
  const end = (stopReason: StopReason, { reused: cachedTokens, drafter }: RunningText = { reused: 0 }) => {
    const textEnd = stopReason === 'stop' ? '' : stops.push(stream.end()).text + stops.end();
    const phases = clock.phases(prompt.length - cachedTokens, count);
    const afterFirst = Math.max(0, passes - 1);
    return {
      stopReason,
      cachedTokens,
      textEnd,
      ...phases,
      passes: afterFirst,
      tokensPerPass: afterFirst > 0 ? phases.decode.tokens / afterFirst : 0,
      draftedTokens: drafter?.draftedCount ?? 0,
      acceptedTokens: drafter?.acceptedCount ?? 0,
    };
  };
  const whole = (): StopReason => (constraint?.isCurtailed ? 'length' : 'eos');
  if (signal?.aborted) return end('abort');
  if (maxTokens === 0) return end('length');

  const wantsLogits = logprobs !== undefined;
  let running: Running;
  try {
    const onProgress = options.onProgress?.bind(options);
    running = await generator.start(prompt, { sampler, maxTokens, wantsLogits, speculation, onProgress }, signal);
  } catch (error) {
    if (signal?.aborted) return end('abort');
    throw error;
  }
  clock.start();
  try {
    for (;;) {
      const chosen = await unlessAborted(generator.next(running), signal);
      clock.tick();
      if (chosen === aborted) return end('abort', running);
      if (!chosen) return end('length', running);
      if (texts.stopTokens.has(chosen.id)) return end(whole(), running);
      count++;
      if (chosen.startsPass) passes++;
      const { text, found } = stops.push(stream.push(chosen.id));
      yield { id: chosen.id, text, ...logprobsIn(chosen, logprobs, texts) };
      if (found) return end('stop', running);
      if (chosen.isLast) return end(whole(), running);
      if (count === maxTokens) return end('length', running);
    }
  } finally {
    generator.end(running, prompt.length + count);
  }
}

/** What `unlessAborted` gives where the signal came first. */
export const aborted = Symbol('aborted');

/** What comes, unless the signal comes first: a step on its way is not waited for. */
export async function unlessAborted<T>(
  coming: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | typeof aborted> {
  if (!signal) return coming;
  coming.catch(() => undefined); // nobody may be left to hear of it
  const { promise, resolve } = Promise.withResolvers<typeof aborted>();
  const abort = () => resolve(aborted);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, coming]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function logprobsIn({ id, logits }: Chosen, count: number | undefined, texts: TokenTexts): Partial<Token> {
  if (!logits || count === undefined) return {};
  const { logprob, best } = logprobsOf(logits, id, count);
  const textOf = (token: number) => texts.decode([token], { special: true, continuation: true });
  return { logprob, topLogprobs: best.map((token) => ({ ...token, text: textOf(token.id) })) };
}

/** Milliseconds of the two phases: to the first token, and from there to the last. */
class Clock {
  #start = performance.now();
  #first = 0;
  #last = 0;

  start(): void {
    this.#start = performance.now();
  }

  tick(): void {
    this.#last = performance.now();
    this.#first ||= this.#last;
  }

  phases(promptTokens: number, tokens: number): { prefill: PhaseStats; decode: PhaseStats } {
    return {
      prefill: phase(promptTokens, (this.#first || performance.now()) - this.#start),
      decode: phase(Math.max(0, tokens - 1), this.#last - this.#first),
    };
  }
}

function phase(tokens: number, milliseconds: number): PhaseStats {
  return { tokens, milliseconds, tokensPerSecond: milliseconds > 0 ? (1000 * tokens) / milliseconds : 0 };
}
