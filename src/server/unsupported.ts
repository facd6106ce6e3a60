/** Fields of other servers' requests that would change the answer and cannot be honoured: what may stand there without effect. */
import { z } from 'zod';

const nothing = z.never().nullish();
const off = z.literal(false).nullish();
const zero = z.literal(0).nullish();
const emptyText = z.literal('').nullish();
const emptyList = z.array(z.never()).max(0).nullish();
const noChoice = z.enum(['none', 'auto']).nullish();

export const unsupportedFields = {
  functions: emptyList,
  function_call: noChoice,
  guided_grammar: nothing,
  modalities: z.array(z.literal('text')).nullish(),
  audio: nothing,
  suffix: emptyText,
  ignore_eos: off,
  min_tokens: zero,
  stop_token_ids: emptyList,
  bad_words: emptyList,
  allowed_token_ids: emptyList,
  include_stop_str_in_output: off,
  truncate_prompt_tokens: nothing,
  prompt_logprobs: nothing,
  n_probs: zero,
  continue_final_message: off,
  web_search_options: nothing,
  use_beam_search: off,
  mirostat: zero,
  dynatemp_range: zero,
  xtc_probability: zero,
  dry_multiplier: zero,
} satisfies Record<string, z.ZodType>;
