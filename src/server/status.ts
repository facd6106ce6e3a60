/** How the server is: for load balancers, Prometheus, and who looks after it. */
import { z } from 'zod';
import { operation } from './operation.ts';
import { specialTokens } from './tokens.ts';

export const health = operation({
  method: 'get',
  path: '/health',
  summary: 'Whether requests are answered; 503, with the loading’s progress, while they are not',
  isOpen: true,
  answer: z.looseObject({ status: z.string() }),
  handle(service) {
    if (service.isReady) return Response.json({ status: 'ok' });
    const status = { status: 'loading', progress: Math.round(100 * service.progress) / 100 };
    return Response.json(status, { status: 503, headers: { 'Retry-After': '2' } });
  },
});

export const metrics = operation({
  method: 'get',
  path: '/metrics',
  summary: 'Counts and times, as Prometheus reads them',
  async handle(service) {
    const { metrics } = service;
    return new Response(await metrics.text(), { headers: { 'Content-Type': metrics.contentType } });
  },
});

export const props = operation({
  method: 'get',
  path: '/props',
  summary: 'The model, its template, and what a request has by default',
  answer: z.looseObject({ total_slots: z.int() }),
  handle(service) {
    const { info, tokenizer } = service.model;
    return Response.json({
      model_alias: service.modelName,
      total_slots: service.queue.slots,
      chat_template: service.chatTemplate ?? null,
      ...specialTokens(tokenizer),
      default_generation_settings: {
        n_ctx: info.contextLength,
        params: { temperature: 0.1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1, repeat_penalty: 1, n_predict: -1 },
      },
      architecture: info.architecture,
      precision: info.precision,
      kv_type: info.kvType,
      adapter: info.adapter,
    });
  },
});

export const slots = operation({
  method: 'get',
  path: '/slots',
  summary: 'Sequences that are generated at once, and which are busy',
  answer: z.array(z.looseObject({ id: z.int(), is_processing: z.boolean() })),
  handle({ queue, model }) {
    const { contextLength } = model.info;
    const list = Array.from({ length: queue.slots }, (_, id) => {
      const { isTaken = id < queue.busy, tokens } = model.load?.sequences[id] ?? {};
      return { id, n_ctx: contextLength, is_processing: isTaken, n_past: tokens };
    });
    return Response.json(list);
  },
});
