/** What requests have in common, as OpenAI names it, with llama-server's further names. */
import { z } from 'zod';
import type { GenerateOptions } from '../index.ts';
import { ApiError, badRequest } from './errors.ts';
import { formFields, formOptions } from './form.ts';
import type { Service } from './service.ts';
import { unsupportedFields } from './unsupported.ts';

export const tokenId = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const penalty = z.number().min(-2).max(2).nullish();
const share = z.number().min(0).max(1).nullish();
const factor = z.number().positive().nullish();
/** Unlimited where it is negative, as llama-server has it. */
const tokenLimit = z.int().min(-2).nullish();

export const modelField = z.string().max(256).nullish();

/** How many choices of one prompt may be asked for. */
const maxChoices = 128;

export const generationFields = {
  model: modelField,
  temperature: z.number().min(0).nullish(),
  top_p: share,
  top_k: z.int().min(-1).nullish(),
  min_p: share,
  typical_p: share,
  repeat_penalty: factor,
  repetition_penalty: factor,
  repeat_last_n: z.int().min(-1).nullish(),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: z.record(z.string().regex(/^\d{1,10}$/, 'keys are token ids'), z.number().min(-100).max(100)).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(64)]).nullish(),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  n_predict: tokenLimit,
  n: z.int().min(1).max(maxChoices).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  ...formFields,
  ...unsupportedFields,
};

type GenerationRequest = z.output<z.ZodObject<typeof generationFields>>;

/** 404 for another model, where names are strict; otherwise the name that the answer bears. */
export function answeredModel(service: Service, name: string | null | undefined): string {
  const { modelName, settings } = service;
  if (settings.strictModel && name && name !== modelName) {
    throw modelNotFound(name);
  }
  return name || modelName;
}

export function modelNotFound(name: string) {
  return new ApiError(404, `there is no model ${JSON.stringify(name)} here`, {
    param: 'model',
    code: 'model_not_found',
  });
}

/** A request's words as `generate` knows them; of choice `choice` of a prompt. What is not said has the model's defaults. */
export function generateOptions(request: GenerationRequest, vocabLength: number, choice = 0): GenerateOptions {
  const { temperature, top_p, top_k, min_p, typical_p, repeat_last_n, stop, seed } = request;
  const { frequency_penalty, presence_penalty, logit_bias } = request;
  const outside = Object.keys(logit_bias ?? {}).find((id) => Number(id) >= vocabLength);
  if (outside !== undefined) {
    const message = `logit_bias: token ${outside} is not in the vocabulary of ${vocabLength}`;
    throw badRequest(message, { param: 'logit_bias' });
  }
  return {
    ...given({
      temperature,
      topP: top_p,
      topK: top_k === -1 ? 0 : top_k,
      minP: min_p,
      typicalP: typical_p,
      repeatPenalty: request.repeat_penalty ?? request.repetition_penalty,
      repeatLastN: repeat_last_n,
      frequencyPenalty: frequency_penalty,
      presencePenalty: presence_penalty,
      logitBias: logit_bias as Record<number, number> | null | undefined,
      seed: seed === undefined || seed === null || seed === -1 ? undefined : (seed + choice) >>> 0,
      stop: typeof stop === 'string' ? [stop] : stop,
    }),
    ...formOptions(request, choice === 0),
    maxTokens: maxTokens(request),
  };
}

/** Where none is said, until the answer or the context ends. */
export function maxTokens({ max_completion_tokens, max_tokens, n_predict }: GenerationRequest): number {
  const limit = max_completion_tokens ?? max_tokens ?? n_predict ?? -1;
  return limit < 0 ? Number.POSITIVE_INFINITY : limit;
}

/** Without what is not said. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(said) as { [K in keyof T]?: NonNullable<T[K]> };
}
