/** GET /v1/models and /v1/models/{model}: the one that is here. */
import { z } from 'zod';
import { answeredModel } from './fields.ts';
import { operation } from './operation.ts';
import type { Service } from './service.ts';

const model = z.looseObject({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });

export const models = operation({
  method: 'get',
  path: '/v1/models',
  summary: 'The model that answers',
  answer: z.object({ object: z.literal('list'), data: z.array(model) }),
  handle: (service) => Response.json({ object: 'list', data: [described(service, service.modelName)] }),
});

export const modelNamed = operation({
  method: 'get',
  path: '/v1/models/{model}',
  summary: 'The model that answers to a name',
  params: z.object({ model: z.string().min(1).max(256) }),
  answer: model,
  handle: (service, _, { params }) => Response.json(described(service, answeredModel(service, params.model))),
});

function described({ model: { info, tokenizer }, createdSeconds }: Service, id: string): z.output<typeof model> {
  const meta = {
    n_vocab: tokenizer.vocabLength,
    n_ctx: info.contextLength,
    n_params: info.parameterCount,
    size: info.weightBytes,
  };
  return { id, object: 'model', created: createdSeconds, owned_by: 'webgguf', meta };
}
