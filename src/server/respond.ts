/** What chat and text completions have in common: choices that come token by token, told at once or as a stream. */
import type { Token } from '../index.ts';
import type { ChoiceEvent, ChoiceResult } from './answers.ts';
import { toApiError } from './errors.ts';
import { eventStream } from './event_stream.ts';
import type { Call } from './operation.ts';
import type { Ticket } from './queue.ts';
import type { Service } from './service.ts';
import type { Usage } from './usage.ts';

/** How an endpoint tells of its choices. */
export interface Telling {
  readonly kind: 'chat.completion' | 'text_completion';
  readonly id: string;
  readonly model: string;
  /** Choices, of all prompts. */
  readonly count: number;
  readonly usage: Usage;
  /** A stream's first piece of a choice. Default: there is none. */
  begins?(index: number): object;
  /** `result`: with what is told last. */
  goesOn(index: number, text: string, tokens: readonly Token[], result?: ChoiceResult): object;
  ends(index: number, result: ChoiceResult): object;
  whole(index: number, text: string, tokens: readonly Token[], result: ChoiceResult): object;
  events(ticket: Ticket): AsyncGenerator<ChoiceEvent>;
  /** Whether a choice is the first of its prompt. */
  isFirst(index: number): boolean;
}

interface Asked {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

/** Answers a request: enters the queue at once, and leaves it with the last word. */
export async function respond(service: Service, call: Call, asked: Asked, telling: Telling): Promise<Response> {
  const ticket = service.enter(call.signal);
  const { log } = service;
  const start = performance.now();
  const done = (error?: unknown) => {
    service.leave(ticket);
    const { counts } = telling.usage;
    const milliseconds = Math.round(performance.now() - start);
    const how = ticket.signal.aborted ? 'gone' : error === undefined ? 'done' : 'failed';
    log.info({ request: call.id, how, ...counts, milliseconds }, 'answer');
  };
  const created = Math.floor(Date.now() / 1000);
  if (!asked.stream) {
    try {
      const { id, kind, model, usage } = telling;
      const choices = await wholeChoices(telling, ticket);
      const { counts, timings } = usage;
      done();
      return Response.json({ id, object: kind, created, model, choices, usage: counts, ...(timings && { timings }) });
    } catch (error) {
      done(error);
      throw error;
    }
  }
  return eventStream(watched(chunks(telling, ticket, created, asked.stream_options?.include_usage ?? false), done), {
    keepAliveSeconds: () => service.keepAliveSeconds,
    patienceSeconds: service.settings.patienceSeconds,
    onCancel: () => ticket.abort(),
    gone: call.signal,
    onError(error) {
      const told = toApiError(error);
      if (told.status === 500) log.error({ request: call.id, err: error }, 'failed within a stream');
      return told.body;
    },
  });
}

async function wholeChoices(telling: Telling, ticket: Ticket): Promise<object[]> {
  const parts = Array.from({ length: telling.count }, () => ({ text: '', tokens: [] as Token[] }));
  const choices: object[] = [];
  for await (const event of telling.events(ticket)) {
    const { index } = event;
    const part = parts[index] as (typeof parts)[number];
    if ('echo' in event) {
      part.text += event.echo;
      continue;
    }
    if ('token' in event) {
      telling.usage.token();
      part.text += event.token.text;
      part.tokens.push(event.token);
      continue;
    }
    telling.usage.ended(event.result, telling.isFirst(index));
    choices[index] = telling.whole(index, part.text + event.result.textEnd, part.tokens, event.result);
  }
  return choices;
}

/** A stream's objects. Tokens that end no character wait for the one that does. */
async function* chunks(
  telling: Telling,
  ticket: Ticket,
  created: number,
  includesUsage: boolean,
): AsyncGenerator<object> {
  const { id, kind, model, usage } = telling;
  const object = kind === 'chat.completion' ? 'chat.completion.chunk' : kind;
  const base = { id, object, created, model };
  const chunk = (choice: object) => ({ ...base, choices: [choice], ...(includesUsage && { usage: null }) });
  const waiting: Token[][] = Array.from({ length: telling.count }, () => []);
  if (telling.begins) for (let index = 0; index < telling.count; index++) yield chunk(telling.begins(index));
  for await (const event of telling.events(ticket)) {
    const { index } = event;
    const tokens = waiting[index] as Token[];
    if ('echo' in event) {
      yield chunk(telling.goesOn(index, event.echo, tokens));
      continue;
    }
    if ('token' in event) {
      usage.token();
      tokens.push(event.token);
      if (event.token.text === '' && !event.token.toolCalls) continue;
      yield chunk(telling.goesOn(index, event.token.text, tokens));
      waiting[index] = [];
      continue;
    }
    const { result } = event;
    usage.ended(result, telling.isFirst(index));
    const isMore = result.textEnd !== '' || tokens.length > 0 || (result.toolCallsEnd?.length ?? 0) > 0;
    if (isMore) yield chunk(telling.goesOn(index, result.textEnd, tokens, result));
    yield { ...chunk(telling.ends(index, result)), ...(usage.timings && { timings: usage.timings }) };
  }
  if (includesUsage) yield { ...base, choices: [], usage: usage.counts };
}

/** Calls `done` at the end, however it comes. */
async function* watched<T>(source: AsyncGenerator<T>, done: (error?: unknown) => void): AsyncGenerator<T> {
  let failure: unknown;
  try {
    yield* source;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    done(failure);
  }
}
