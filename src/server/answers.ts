/** The choices of a request, as their tokens come. */
import type { ChatOptions, ChatResult, Token } from '../index.ts';
import { badRequest } from './errors.ts';
import { merge } from './merge.ts';
import type { Ticket } from './queue.ts';
import type { Service } from './service.ts';

/** How a choice ended. */
export type ChoiceResult = Pick<
  ChatResult,
  'stopReason' | 'cachedTokens' | 'textEnd' | 'prefill' | 'decode' | 'streaming' | 'toolCalls' | 'toolCallsEnd'
>;

/** Something that happened to choice `index`. */
export type ChoiceEvent =
  /** Text that was not generated: the echo of a prompt. */
  | { readonly index: number; readonly echo: string }
  | { readonly index: number; readonly token: Token }
  | { readonly index: number; readonly result: ChoiceResult };

/** What one choice is to be. */
export interface Wanted {
  readonly index: number;
  readonly options: ChatOptions;
}

/**
 * Choices of one prompt, merged. The first goes ahead: when its first token is there, the cache holds the prompt, and
 * the others go on from it.
 */
export async function* answers(
  service: Service,
  ticket: Ticket,
  prompt: readonly number[],
  choices: readonly Wanted[],
): AsyncGenerator<ChoiceEvent> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const [first, ...others] = choices.map((wanted) => answer(service, ticket, prompt, wanted));
  if (!first) return;
  const ahead = after(first, resolve);
  yield* merge([ahead, ...others.map((other) => delayed(other, promise))], () => ticket.abort());
}

async function* answer(
  service: Service,
  ticket: Ticket,
  prompt: readonly number[],
  { index, options }: Wanted,
): AsyncGenerator<ChoiceEvent> {
  const { metrics, model } = service;
  const { signal } = ticket;
  let begun = performance.now();
  const tokens = ticket.stream(() => {
    begun = performance.now();
    return model.answer(prompt, { ...options, signal });
  });
  let count = 0;
  try {
    for (;;) {
      const { value, done } = await tokens.next();
      if (done) {
        if (value.stopReason === 'abort') signal.throwIfAborted();
        metrics.generated(value, count, (performance.now() - begun) / 1000);
        yield { index, result: value };
        return;
      }
      if (count++ === 0) metrics.firstToken(ticket.seconds);
      yield { index, token: value };
    }
  } finally {
    await tokens.return(undefined as never); // whoever is left at a token holds its slot
  }
}

/** Calls `begun` with the first value, or at the end. */
async function* after<T>(source: AsyncGenerator<T>, begun: () => void): AsyncGenerator<T> {
  try {
    for await (const value of source) {
      begun();
      yield value;
    }
  } finally {
    begun();
  }
}

async function* delayed<T>(source: AsyncGenerator<T>, start: Promise<void>): AsyncGenerator<T> {
  await start;
  yield* source;
}

/** Throws where no context could hold the prompt, or it is empty or not the vocabulary's. */
export function checkPrompt(service: Service, tokens: readonly number[], param: string): void {
  const { info, tokenizer } = service.model;
  if (tokens.length === 0) throw badRequest('the prompt has no tokens', { param });
  const outside = tokens.find((id) => id >= tokenizer.vocabLength);
  if (outside !== undefined) {
    throw badRequest(`token ${outside} is not in the vocabulary of ${tokenizer.vocabLength}`, { param });
  }
  if (tokens.length > info.contextLength) {
    const message = `the prompt has ${tokens.length} tokens and the context holds ${info.contextLength}`;
    throw badRequest(message, { param, code: 'context_length_exceeded' });
  }
}
