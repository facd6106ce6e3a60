/** Text to ids and back, as vLLM and llama-server offer it: an evaluation's remote tokenizer. */
import { z } from 'zod';
import type { Tokenizer } from '../index.ts';
import { chatPrompt, templateFields } from './chat.ts';
import { badRequest } from './errors.ts';
import { modelField, tokenId } from './fields.ts';
import { operation } from './operation.ts';

const flag = z.boolean().nullish();

const text = z.object({
  model: modelField,
  prompt: z.string().nullish(),
  content: z.string().nullish(),
  add_special_tokens: flag,
  add_special: flag,
  parse_special: flag,
});

export const tokenize = operation({
  method: 'post',
  path: '/tokenize',
  summary: 'The ids of a text: `prompt` (BOS as the model’s file says) or `content` (none)',
  body: text,
  answer: z.object({ tokens: z.array(z.int()), count: z.int(), max_model_len: z.int() }),
  handle(service, { prompt, content, add_special_tokens, add_special, parse_special }) {
    const given = prompt ?? content;
    if (typeof given !== 'string') throw badRequest('prompt: is missing; a text is needed', { param: 'prompt' });
    const { tokenizer, info } = service.model;
    const addSpecial = add_special_tokens ?? add_special ?? typeof prompt === 'string';
    const tokens = tokenizer.encode(given, { addSpecial, parseSpecial: parse_special ?? true });
    return Response.json({ tokens, count: tokens.length, max_model_len: info.contextLength });
  },
});

export const detokenize = operation({
  method: 'post',
  path: '/detokenize',
  summary: 'The text of ids, control tokens by their text',
  body: z.object({ model: modelField, tokens: z.array(tokenId) }),
  answer: z.object({ prompt: z.string(), content: z.string() }),
  handle(service, { tokens }) {
    const decoded = service.model.tokenizer.decode(tokens, { special: true });
    return Response.json({ prompt: decoded, content: decoded });
  },
});

export const tokenizerInfo = operation({
  method: 'get',
  path: '/tokenizer_info',
  summary: 'Texts of the special tokens, and the chat template',
  answer: z.looseObject({
    bos_token: z.string().nullable(),
    eos_token: z.string().nullable(),
    pad_token: z.string().nullable(),
    chat_template: z.string().nullable(),
  }),
  handle(service) {
    return Response.json({ ...specialTokens(service.model.tokenizer), chat_template: service.chatTemplate ?? null });
  },
});

export const applyTemplate = operation({
  method: 'post',
  path: '/apply-template',
  summary: 'The prompt that a conversation becomes',
  body: z.object({ model: modelField, ...templateFields }),
  answer: z.object({ prompt: z.string() }),
  handle(service, asked) {
    const tokens = chatPrompt(service.model, asked);
    return Response.json({ prompt: service.model.tokenizer.decode(tokens, { special: true }) });
  },
});

/** Where nothing pads, the end of a text does. */
export function specialTokens(tokenizer: Tokenizer) {
  const textOf = (token: number | undefined) => (token === undefined ? null : tokenizer.tokenText(token));
  const eos = textOf(tokenizer.eosToken);
  return { bos_token: textOf(tokenizer.bosToken), eos_token: eos, pad_token: eos };
}
