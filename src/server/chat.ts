/** POST /v1/chat/completions: the assistant's answer, by the model's own template. */
import { z } from 'zod';
import type { ChatMessage, Token, Tokenizer, ToolCallDelta } from '../index.ts';
import { answers, type ChoiceResult, checkPrompt } from './answers.ts';
import { badRequest } from './errors.ts';
import { answeredModel, generateOptions, generationFields } from './fields.ts';
import { operation } from './operation.ts';
import { respond } from './respond.ts';
import { tokenText } from './token_text.ts';
import { checkTools, toldCalls, toldDeltas, toolCallSchema, toolFields, toolOptions } from './tools.ts';
import { finishReason, Usage } from './usage.ts';

const textPart = z.object({ type: z.literal('text'), text: z.string() });

/** Beside these stands whatever the template looks for. */
const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(textPart)]).nullish(),
});

/** OpenAI takes 20. */
const maxTopLogprobs = 100;

export const templateFields = {
  messages: z.array(message).min(1),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  ...toolFields,
};

const request = z.object({
  ...generationFields,
  ...templateFields,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(maxTopLogprobs).nullish(),
});

const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) });
const logprobs = z.object({ content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })) });

const answer = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z.null(),
        tool_calls: z.array(toolCallSchema).optional(),
      }),
      logprobs: logprobs.nullable(),
      finish_reason: z.enum(['stop', 'length', 'tool_calls']),
    }),
  ),
  usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
});

export const chatCompletions = operation({
  method: 'post',
  path: '/v1/chat/completions',
  summary: 'The assistant’s answer to a conversation',
  body: request,
  answer,
  streams: true,
  handle(service, asked, call) {
    const { tokenizer } = service.model;
    const model = answeredModel(service, asked.model);
    const prompt = chatPrompt(service.model, asked);
    checkPrompt(service, prompt, 'messages');
    if (asked.top_logprobs && !asked.logprobs) {
      throw badRequest('top_logprobs: needs logprobs: true', { param: 'top_logprobs' });
    }
    const tools = toolOptions(asked);
    const count = asked.n ?? 1;
    const choices = Array.from({ length: count }, (_, index) => ({
      index,
      options: {
        ...generateOptions(asked, tokenizer.vocabLength, index),
        ...tools,
        ...(asked.logprobs && { logprobs: asked.top_logprobs ?? 0 }),
      },
    }));
    checkTools(tools, () => service.model.toolCallForm, choices[0]?.options ?? {});
    const usage = new Usage(prompt.length);
    const logprobsOf = (tokens: readonly Token[]) =>
      asked.logprobs ? { content: tokens.map((token) => chatLogprob(tokenizer, token)) } : null;
    return respond(service, call, asked, {
      kind: 'chat.completion',
      id: `chatcmpl-${crypto.randomUUID()}`,
      model,
      count,
      usage,
      begins: (index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
      goesOn: (index, text, tokens, result?: ChoiceResult) => ({
        index,
        delta: deltaOf(text, [...tokens.flatMap(({ toolCalls = [] }) => toolCalls), ...(result?.toolCallsEnd ?? [])]),
        logprobs: logprobsOf(tokens),
        finish_reason: null,
      }),
      ends: (index, result) => ({ index, delta: {}, logprobs: null, finish_reason: finishReason(result) }),
      whole: (index, text, tokens, result: ChoiceResult) => ({
        index,
        message: {
          role: 'assistant',
          content: text === '' && result.toolCalls ? null : text,
          refusal: null,
          ...toldCalls(result.toolCalls),
        },
        logprobs: logprobsOf(tokens),
        finish_reason: finishReason(result),
      }),
      events: (ticket) => answers(service, ticket, prompt, choices),
      isFirst: (index) => index === 0,
    });
  },
});

function deltaOf(text: string, calls: readonly ToolCallDelta[]): object {
  return calls.length === 0 ? { content: text } : { ...(text !== '' && { content: text }), ...toldDeltas(calls) };
}

/** The token ids of a conversation. */
export function chatPrompt(
  model: { chatTokens(messages: readonly ChatMessage[], options: object): number[] },
  { messages, chat_template_kwargs, ...others }: z.output<z.ZodObject<typeof templateFields>>,
): number[] {
  return model.chatTokens(messages.map(plainMessage), {
    ...(chat_template_kwargs && { templateVariables: chat_template_kwargs }),
    ...toolOptions(others),
  });
}

/** Texts in parts become one; templates know no developers. */
function plainMessage({ role, content, ...others }: z.output<typeof message>): ChatMessage {
  const text = Array.isArray(content) ? content.map((part) => part.text).join('') : (content ?? '');
  return { ...others, role: role === 'developer' ? 'system' : role, content: text };
}

function chatLogprob(tokenizer: Tokenizer, { id, logprob = 0, topLogprobs = [] }: Token) {
  const shown = (token: number, value: number) => ({
    token: tokenText(tokenizer, token),
    logprob: value,
    bytes: [...tokenizer.tokenBytes(token)],
  });
  return { ...shown(id, logprob), top_logprobs: topLogprobs.map((top) => shown(top.id, top.logprob)) };
}
