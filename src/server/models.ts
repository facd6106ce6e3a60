/** GET /v1/models: the one that is here. */
import { z } from 'zod';
import { operation } from './operation.ts';

const model = z.looseObject({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });

export const models = operation({
  method: 'get',
  path: '/v1/models',
  summary: 'The model that answers',
  answer: z.object({ object: z.literal('list'), data: z.array(model) }),
  handle(service) {
    const { info, tokenizer } = service.model;
    const meta = {
      n_vocab: tokenizer.vocabLength,
      n_ctx: info.contextLength,
      n_params: info.parameterCount,
      size: info.weightBytes,
    };
    const { modelName, createdSeconds } = service;
    const described = { id: modelName, object: 'model', created: createdSeconds, owned_by: 'webgguf', meta };
    return Response.json({ object: 'list', data: [described] });
  },
});
