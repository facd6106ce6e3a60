/** POST /v1/completions: how a text goes on, and with `echo` and `logprobs` what the model says of the text itself. */
import { z } from 'zod';
import { type GenerateOptions, maxTop, type Token, type Tokenizer } from '../index.ts';
import { answers, type ChoiceEvent, type ChoiceResult, checkPrompt, type Wanted } from './answers.ts';
import { badRequest } from './errors.ts';
import { answeredModel, generateOptions, generationFields, tokenId } from './fields.ts';
import { LogprobList } from './logprob_list.ts';
import { merge } from './merge.ts';
import { operation } from './operation.ts';
import type { Ticket } from './queue.ts';
import { respond } from './respond.ts';
import { type Score, type ScoredToken, score } from './score.ts';
import type { Service } from './service.ts';
import { finishReason, Usage } from './usage.ts';

const tokenIds = z.array(tokenId);
/** Prompts of one request, choices of all of them, and most likely tokens of one place, at most. */
const maxPrompts = 4096;
const maxAllChoices = 4096;
const maxLogprobs = 100;

const request = z.object({
  ...generationFields,
  prompt: z.union([
    z.string(),
    tokenIds.min(1),
    z.array(z.string()).min(1).max(maxPrompts),
    z.array(tokenIds.min(1)).min(1).max(maxPrompts),
  ]),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(maxLogprobs).nullish(),
  best_of: z.int().nullish(),
  parse_special: z.boolean().nullish(),
  tools: z.array(z.never('are for /v1/chat/completions')).nullish(),
});
type Request = z.output<typeof request>;

const logprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()),
});

const answer = z.looseObject({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      logprobs: logprobs.nullable(),
      finish_reason: z.enum(['stop', 'length']),
    }),
  ),
  usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
});

interface Prompt {
  readonly tokens: readonly number[];
  readonly text: string;
  /** The first token is a BOS that the text does not have. */
  readonly hidesBos: boolean;
}

export const completions = operation({
  method: 'post',
  path: '/v1/completions',
  summary: 'How texts go on; with echo and logprobs, how likely their tokens are',
  body: request,
  answer,
  streams: true,
  handle(service, asked, call) {
    const { tokenizer } = service.model;
    const model = answeredModel(service, asked.model);
    const prompts = promptsOf(asked, tokenizer);
    for (const { tokens } of prompts) checkPrompt(service, tokens, 'prompt');
    const perPrompt = asked.n ?? 1;
    if ((asked.best_of ?? perPrompt) !== perPrompt) {
      throw badRequest('best_of: can be honoured where it equals n', {
        param: 'best_of',
        code: 'unsupported_parameter',
      });
    }
    const count = prompts.length * perPrompt;
    if (count > maxAllChoices) throw badRequest(`n: ${count} choices are more than ${maxAllChoices}`, { param: 'n' });
    const lists = Array.from({ length: count }, () => new LogprobList(tokenizer, !asked.echo));
    const logprobsOf = (index: number, tokens: readonly Token[]) => {
      if (typeof asked.logprobs !== 'number') return null;
      const list = lists[index] as LogprobList;
      for (const token of tokens) list.generated(token);
      return list.take();
    };
    const telling = (index: number, text: string, tokens: readonly Token[], result?: ChoiceResult) => ({
      index,
      text,
      logprobs: logprobsOf(index, tokens),
      finish_reason: result ? finishReason(result) : null,
    });
    return respond(service, call, asked, {
      kind: 'text_completion',
      id: `cmpl-${crypto.randomUUID()}`,
      model,
      count,
      usage: new Usage(prompts.reduce((sum, { tokens }) => sum + tokens.length, 0)),
      goesOn: (index, text, tokens) => telling(index, text, tokens),
      ends: (index, result) => ({ index, text: '', logprobs: null, finish_reason: finishReason(result) }),
      whole: telling,
      isFirst: (index) => index % perPrompt === 0,
      events(ticket) {
        const ofPrompts = prompts.map((prompt, place) => {
          const choices = Array.from({ length: perPrompt }, (_, choice) => ({
            index: place * perPrompt + choice,
            options: optionsOf(asked, tokenizer.vocabLength, choice),
          }));
          return asked.echo
            ? echoed(service, ticket, prompt, choices, lists)
            : answers(service, ticket, prompt.tokens, choices);
        });
        return ofPrompts.length === 1 ? ofPrompts[0]! : merge(ofPrompts, () => ticket.abort());
      },
    });
  },
});

function optionsOf(asked: Request, vocabLength: number, choice: number): GenerateOptions {
  const options = generateOptions(asked, vocabLength, choice);
  return typeof asked.logprobs === 'number' ? { ...options, logprobs: asked.logprobs } : options;
}

/** The prompts with the ids that the model is given. Text may hold control tokens: who sends it writes the whole prompt. */
function promptsOf({ prompt, parse_special }: Request, tokenizer: Tokenizer): Prompt[] {
  const list: readonly (string | readonly number[])[] =
    typeof prompt === 'string' || typeof prompt[0] === 'number' ? [prompt as string | number[]] : (prompt as string[]);
  const parseSpecial = parse_special ?? true;
  return list.map((each) => {
    if (typeof each !== 'string') {
      const text = tokenizer.decode(
        each.filter((id) => id < tokenizer.vocabLength),
        { special: true },
      );
      return { tokens: each, text, hidesBos: false };
    }
    const tokens = tokenizer.encode(each, { parseSpecial });
    const bare = tokenizer.encode(each, { parseSpecial, addSpecial: false });
    const hidesBos = tokens[0] === tokenizer.bosToken && bare[0] !== tokenizer.bosToken;
    return { tokens, text: each, hidesBos };
  });
}

/** The prompt before its answers, with what the model says of its tokens where that is asked for. */
async function* echoed(
  service: Service,
  ticket: Ticket,
  prompt: Prompt,
  choices: readonly Wanted[],
  lists: readonly LogprobList[],
): AsyncGenerator<ChoiceEvent> {
  const { options } = choices[0] as Wanted;
  const { tokens, text, hidesBos } = prompt;
  let said: Score | undefined;
  let milliseconds = 0;
  if (options.logprobs !== undefined) {
    const start = performance.now();
    said = await scored(service, ticket, tokens, options.logprobs);
    milliseconds = performance.now() - start;
  }
  for (const { index } of choices) {
    if (said) {
      const list = lists[index] as LogprobList;
      list.first(tokens[0] as number, hidesBos);
      for (const token of said.prompt) list.scored(token);
    }
    yield { index, echo: text };
  }
  if (!said || !takesMostLikely(options)) {
    yield* answers(service, ticket, tokens, choices);
    return;
  }
  for (const { index } of choices) yield* mostLikelyNext(service, said, index, tokens.length, milliseconds);
}

async function scored(service: Service, ticket: Ticket, tokens: readonly number[], count: number): Promise<Score> {
  const { model, metrics, scores } = service;
  const { signal } = ticket;
  const top = Math.max(1, count);
  const within = (from: number, work: () => Promise<Score>) =>
    ticket.run(async () => {
      const start = performance.now();
      const done = await work();
      metrics.computed(tokens.length - from, from, (performance.now() - start) / 1000);
      return done;
    });
  if (!model.scores || top > maxTop) {
    const { vocabLength } = model.tokenizer;
    return within(0, () => score(model.logitRows(tokens, signal), tokens, vocabLength, top));
  }
  return scores.score(tokens, top, (from) =>
    within(from, async () => {
      const all: ScoredToken[] = [];
      for await (const some of model.scores!(tokens, { from, top, signal })) all.push(...some);
      const next = all.pop() as ScoredToken;
      return { prompt: all, next };
    }),
  );
}

/** Whether the one token that follows is known from the prompt's own pass. */
function takesMostLikely(options: GenerateOptions): boolean {
  const { maxTokens, temperature, logitBias, repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  const isAsItIs = !logitBias && repeatPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0;
  return maxTokens === 1 && temperature === 0 && isAsItIs;
}

/** The token after a prompt, which stands there even where it ends the text, as an evaluation counts on. */
async function* mostLikelyNext(
  { model: { tokenizer } }: Service,
  { next }: Score,
  index: number,
  promptTokens: number,
  milliseconds: number,
): AsyncGenerator<ChoiceEvent> {
  const { id, logprob, top } = next;
  const ends = tokenizer.stopTokens.has(id);
  const text = ends ? '' : tokenizer.decode([id], { continuation: true });
  const topLogprobs = top.map((each) => ({ ...each, text: '' }));
  yield { index, token: { id, text, logprob, topLogprobs } };
  const tokensPerSecond = milliseconds > 0 ? (1000 * promptTokens) / milliseconds : 0;
  const result: ChoiceResult = {
    stopReason: ends ? 'eos' : 'length',
    cachedTokens: 0,
    textEnd: '',
    prefill: { tokens: promptTokens, milliseconds, tokensPerSecond },
    decode: { tokens: 0, milliseconds: 0, tokensPerSecond: 0 },
  };
  yield { index, result };
}
