/**
 * What every LLM must do alike, in any home, in the thread or behind a worker: checks without a test framework, which
 * a page can run as well.
 */
import {
  ContextFullError,
  type GenerateOptions,
  type GenerateResult,
  GgufError,
  GrammarError,
  type LLM,
  type LoadOptions,
  type Token,
} from '../../src/index.ts';
import type { Source } from '../../src/runtime/model_source.ts';

export interface Place {
  load(source: Source, options?: Omit<LoadOptions, 'device'>): Promise<LLM>;
  /** A random model of 331 tokens with a chat template, and a name that leads nowhere. */
  readonly model: Source;
  readonly missing: Source;
  /** Destroys the device that was opened last. */
  loseDevice(): unknown;
}

export interface ConformanceReport {
  readonly checks: readonly string[];
  /** `name: what is wrong`, a line each. */
  readonly failures: readonly string[];
}

const options = { precision: 'exact', chunkLength: 16, contextLength: 1024, sequences: 3 } as const;
const greedy = { temperature: 0, maxTokens: 24 };
/** Longer than a chunk. */
const prompt = Array.from({ length: 20 }, (_, i) => 20 + ((i * 37) % 300));

/** Runs every check; nothing is thrown. */
export async function conformance(place: Place): Promise<ConformanceReport> {
  const failures: string[] = [];
  const run = async (name: string, check: () => Promise<void>) => {
    try {
      await check();
    } catch (error) {
      failures.push(`${name}: ${error} ${(error as Error).stack ?? ''}`);
    }
  };
  const llm = await place.load(place.model, options);
  for (const [name, check] of Object.entries(checks)) await run(name, () => check(llm, place));
  await llm[Symbol.asyncDispose]();
  return { checks: Object.keys(checks), failures };
}

const checks: Record<string, (llm: LLM, place: Place) => Promise<void>> = {
  async 'answers have the form that they are held to, several at once'(llm) {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer', minimum: 1, maximum: 12 }, word: { enum: ['aé', 'b'] } },
      required: ['n', 'word'],
    };
    const some = { temperature: 1, seed: 3, maxTokens: 400 };
    const [regex, gbnf, json, short, free] = await Promise.all([
      generate(llm, prompt, { ...some, regex: '(yes|no), [a-f]{3}!' }),
      generate(llm, prompt, { ...some, grammar: 'root ::= "<" root ">" | [0-9]{2}', temperature: 0.001 }),
      generate(llm, prompt, { ...some, responseFormat: { type: 'json_schema', schema }, repeatPenalty: 1.2, topK: 50 }),
      generate(llm, prompt, {
        ...some,
        maxTokens: 6,
        responseFormat: { type: 'json_schema', schema: { type: 'string' } },
      }),
      generate(llm, prompt, greedy),
    ]);
    isTrue(/^(yes|no), [a-f]{3}!$/.test(regex.text), regex.text);
    isTrue(/^<*\d\d>*$/.test(gbnf.text), gbnf.text);
    const { n, word } = JSON.parse(json.text);
    isTrue(n >= 1 && n <= 12 && ['aé', 'b'].includes(word), json.text);
    equal(typeof JSON.parse(short.text), 'string'); // whole, few tokens as it has
    equal(
      [regex, gbnf, json].map(({ result }) => result.stopReason),
      ['eos', 'eos', 'eos'],
    );
    equal(free.ids, (await generate(llm, prompt, greedy)).ids);
    const error = await failure(generate(llm, prompt, { regex: '(?=a)' }));
    isTrue(error instanceof GrammarError && error.message.includes('lookahead'), String(error));
  },
  async 'a prompt goes on alike, from text and from its tokens, from the cache and without it'(llm) {
    const first = await generate(llm, prompt, greedy);
    const again = await generate(llm, prompt, greedy);
    equal(again.ids, first.ids);
    equal(first.result.stopReason, 'length');
    equal(again.result.cachedTokens, prompt.length - 1);
    equal(again.result.prefill.tokens, 1);
    const text = await generate(llm, 'Once upon a time', greedy);
    equal((await generate(llm, await llm.tokenizer.encode('Once upon a time'), greedy)).ids, text.ids);
  },

  async 'an answer is part of what the cache holds; what was computed ahead of it is not'(llm) {
    const start = [21, 22, 23];
    const { ids } = await generate(llm, start, { ...greedy, maxTokens: 12 });
    const left = await generate(llm, start, { ...greedy, maxTokens: 24 }, 5);
    equal(left.ids, ids.slice(0, 5));
    const longer = await generate(llm, [...start, ...ids.slice(0, 5), 30], greedy);
    isTrue(longer.result.cachedTokens >= start.length + 4, `${longer.result.cachedTokens} tokens were held`);
    const other = await generate(llm, [...start, ...ids.slice(0, 8)], { ...greedy, maxTokens: 1 });
    isTrue(other.result.cachedTokens < start.length + 8, 'a token at least is computed');
    equal(other.ids[0], ids[8]);
  },

  async 'several at once give what each gives alone'(llm) {
    const prompts = [prompt, prompt.slice(3), [20, ...prompt.slice(0, 9)], prompt.slice(0, 4), [60, 61]];
    const alone: number[][] = [];
    for (const each of prompts) alone.push((await generate(llm, each, greedy)).ids);
    const together = await Promise.all(prompts.map((each) => generate(llm, each, greedy)));
    equal(
      together.map(({ ids }) => ids),
      alone,
    );
  },

  async 'a seed repeats a text, with log-probabilities or without; another seed gives another'(llm) {
    const sampled = { temperature: 1.2, topK: 50, topP: 0.95, repeatPenalty: 1.1, maxTokens: 24, seed: 5 };
    const { ids } = await generate(llm, prompt, sampled);
    equal((await generate(llm, prompt, sampled)).ids, ids);
    equal((await generate(llm, prompt, { ...sampled, logprobs: 1 })).ids, ids);
    isTrue(
      String((await generate(llm, prompt, { ...sampled, seed: 6 })).ids) !== String(ids),
      'the seed has no effect',
    );
  },

  async 'a bias and penalties rule tokens in and out'(llm) {
    const always = await generate(llm, prompt, { ...greedy, logitBias: { 33: 100 } });
    equal(new Set(always.ids), new Set([33]));
    const once = await generate(llm, prompt, {
      ...greedy,
      logitBias: { 33: 3 },
      presencePenalty: 2,
      frequencyPenalty: 2,
    });
    isTrue(new Set(once.ids).size > 12, `a penalised answer repeats itself: ${once.ids}`);
  },

  async 'log-probabilities are those of the logits, best first'(llm) {
    const { tokens, ids } = await generate(llm, prompt, { ...greedy, maxTokens: 4, logprobs: 3 });
    const rows = await llm.logits([...prompt, ...ids]);
    const { vocabLength } = llm.tokenizer;
    tokens.forEach(({ id, logprob = 0, topLogprobs = [] }, i) => {
      const at = prompt.length - 1 + i;
      const row = rows.subarray(at * vocabLength, (at + 1) * vocabLength);
      const best = Math.max(...row);
      const logSum = best + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - best), 0));
      isTrue(Math.abs(logprob - (row[id]! - logSum)) < 1e-4, `token ${i}: ${logprob}, not ${row[id]! - logSum}`);
      equal(topLogprobs.length, 3);
      equal([topLogprobs[0]!.id, topLogprobs[0]!.logprob], [id, logprob]);
      isTrue(topLogprobs[1]!.logprob >= topLogprobs[2]!.logprob, 'not best first');
    });
  },

  async 'a stop string ends the text before it, across tokens'(llm) {
    const { text, ids } = await generate(llm, prompt, greedy);
    const stop = [...text].slice(6, 10).join('');
    const stopped = await generate(llm, prompt, { ...greedy, stop: [stop] });
    equal(stopped.text, text.slice(0, text.indexOf(stop)));
    equal(stopped.result.stopReason, 'stop');
    equal(stopped.ids, ids.slice(0, stopped.ids.length));
  },

  async 'abort ends it in the middle, before it begins, and while it waits for its turn'(llm) {
    const controller = new AbortController();
    const running = llm.generate(prompt, { temperature: 0, maxTokens: 400, signal: controller.signal });
    await running.next();
    setTimeout(() => controller.abort(), 5);
    let step = await running.next();
    while (!step.done) step = await running.next();
    equal(step.value.stopReason, 'abort');
    equal((await generate(llm, prompt, { signal: AbortSignal.abort() })).result.stopReason, 'abort');

    const busy = await Promise.all(
      [1, 2, 3].map(async (id) => {
        const long = llm.generate([20 + id], { temperature: 0, maxTokens: 400 });
        await long.next();
        return long;
      }),
    );
    const impatient = new AbortController();
    setTimeout(() => impatient.abort(), 20);
    equal((await generate(llm, prompt, { ...greedy, signal: impatient.signal })).result.stopReason, 'abort');
    for (const long of busy) await long.return(undefined as never);
    equal((await generate(llm, prompt, greedy)).ids.length, greedy.maxTokens);
  },

  async 'a consumer that stops early makes way'(llm) {
    for (let i = 0; i < 8; i++) for await (const _ of llm.generate([30 + i], { maxTokens: 300 })) break;
    equal((await generate(llm, prompt, greedy)).ids.length, greedy.maxTokens);
  },

  async 'the context’s end is the end of the answer, and a longer prompt is refused'(llm) {
    const { contextLength } = llm.info;
    const long = Array.from({ length: contextLength - 3 }, (_, i) => 20 + (i % 300));
    const full = await generate(llm, long, { temperature: 0, maxTokens: 50 });
    equal([full.ids.length, full.result.stopReason], [4, 'length']);
    const error = await failure(generate(llm, [...long, 1, 2, 3, 4], {}));
    isTrue(error instanceof ContextFullError && /1025 tokens/.test(error.message), String(error));
  },

  async 'a conversation, by the file’s template'(llm) {
    const messages = [{ role: 'user', content: 'hola' }];
    const tokens = await llm.chatTokens(messages);
    const answer = await collect(llm.chat(messages, greedy));
    equal(answer.ids, (await generate(llm, tokens, greedy)).ids);
  },

  async 'a vector of a text has length 1, and depends on all of it'(llm) {
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    for (const pooling of ['last', 'mean'] as const) {
      const a = await llm.embed(prompt, { pooling });
      isTrue(Math.abs(dot(a, a) - 1) < 1e-5, `${pooling}: the length is not 1`);
      isTrue(dot(a, await llm.embed(prompt, { pooling })) > 1 - 1e-6, `${pooling}: the same text gives another vector`);
      isTrue(
        dot(a, await llm.embed([99, ...prompt.slice(1)], { pooling })) < 1 - 1e-6,
        `${pooling}: another text, the same vector`,
      );
    }
  },

  async 'what is wrong is said in one line, in a class of its own'(llm, { load, missing }) {
    const wrong: [() => Promise<unknown>, new (...a: never[]) => Error, RegExp][] = [
      [() => generate(llm, prompt, { topP: 2 }), RangeError, /^topP takes a number from 0 to 1, not 2$/],
      [() => generate(llm, [331], {}), RangeError, /^token 331 is not in the vocabulary of 331$/],
      [() => generate(llm, [], {}), RangeError, /no tokens/],
      [() => load(missing), GgufError, /nowhere/],
      [() => load(new Uint8Array(64)), GgufError, /./],
    ];
    for (const [call, Type, message] of wrong) {
      const error = await failure(call());
      isTrue(error instanceof Type && message.test(error.message), `${error?.name}: ${error?.message}`);
      isTrue(!error!.message.includes('\n'), 'more than one line');
    }
  },

  async 'a lost device: the answer goes on with the same tokens, a second loss is one clear error'(_, place) {
    const llm = await place.load(place.model, options);
    const expected = await generate(llm, prompt, { ...greedy, maxTokens: 40 });
    const [answer, beside] = [
      llm.generate(prompt, { temperature: 0, maxTokens: 40 }),
      llm.generate(prompt.slice(2), greedy),
    ];
    const ids: number[] = [];
    for (let i = 0; i < 10; i++) ids.push(((await answer.next()).value as Token).id);
    await beside.next();
    await place.loseDevice();
    equal([...ids, ...(await collect(answer)).ids], expected.ids);
    equal((await collect(beside)).ids.length, greedy.maxTokens - 1);
    equal((await generate(llm, prompt, greedy)).ids, expected.ids.slice(0, greedy.maxTokens));

    await place.loseDevice();
    const error = await failure(generate(llm, prompt, greedy));
    isTrue(error?.name === 'DeviceLostError' && /second loss within a minute/.test(error.message), String(error));
    await llm[Symbol.asyncDispose]();
  },
};

interface Answer {
  readonly tokens: Token[];
  readonly ids: number[];
  readonly text: string;
  readonly result: GenerateResult;
}

/** All that comes, or the first `count` tokens alone. */
async function collect(
  stream: AsyncGenerator<Token, GenerateResult>,
  count = Number.POSITIVE_INFINITY,
): Promise<Answer> {
  const tokens: Token[] = [];
  for (;;) {
    const step = tokens.length === count ? await stream.return(undefined as never) : await stream.next();
    if (step.done) {
      const text = tokens.map(({ text }) => text).join('') + (step.value?.textEnd ?? '');
      return { tokens, ids: tokens.map(({ id }) => id), text, result: step.value };
    }
    tokens.push(step.value);
  }
}

function generate(llm: LLM, from: string | readonly number[], how: GenerateOptions, count?: number): Promise<Answer> {
  return collect(llm.generate(from, how), count);
}

async function failure(call: Promise<unknown>): Promise<Error | undefined> {
  return call.then(
    () => undefined,
    (error) => error,
  );
}

function equal(got: unknown, want: unknown): void {
  const [a, b] = [got, want].map((value) => JSON.stringify(value instanceof Set ? [...value] : value));
  if (a !== b) throw new Error(`got ${a}, not ${b}`);
}

function isTrue(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
