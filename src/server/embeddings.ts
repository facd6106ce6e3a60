/** POST /v1/embeddings: vectors of texts. */
import { z } from 'zod';
import { checkPrompt } from './answers.ts';
import { badRequest } from './errors.ts';
import { answeredModel, modelField, tokenId } from './fields.ts';
import { operation } from './operation.ts';

const tokenIds = z.array(tokenId);
/** As OpenAI. */
const maxInputs = 2048;

const request = z.object({
  model: modelField,
  input: z.union([
    z.string().min(1),
    tokenIds.min(1),
    z.array(z.string().min(1)).min(1).max(maxInputs),
    z.array(tokenIds.min(1)).min(1).max(maxInputs),
  ]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().positive().nullish(),
  pooling: z.enum(['mean', 'last']).nullish(),
});

const answer = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

export const embeddings = operation({
  method: 'post',
  path: '/v1/embeddings',
  summary: 'A vector of each text, of length 1',
  body: request,
  answer,
  async handle(service, asked, call) {
    const { tokenizer } = service.model;
    const model = answeredModel(service, asked.model);
    const { input } = asked;
    const list = typeof input === 'string' || typeof input[0] === 'number' ? [input as string] : (input as string[]);
    const inputs = list.map((each) => (typeof each === 'string' ? tokenizer.encode(each) : each));
    for (const tokens of inputs) checkPrompt(service, tokens, 'input');

    const ticket = service.enter(call.signal);
    try {
      const options = { ...(asked.pooling && { pooling: asked.pooling }), signal: ticket.signal };
      const vectors = await Promise.all(
        inputs.map((tokens) => ticket.run(() => embedded(service.model.embed(tokens, options), asked.dimensions))),
      );
      const total = inputs.reduce((sum, tokens) => sum + tokens.length, 0);
      const shown = asked.encoding_format === 'base64' ? base64 : (vector: Float32Array) => [...vector];
      return Response.json({
        object: 'list',
        model,
        data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: shown(vector) })),
        usage: { prompt_tokens: total, total_tokens: total },
      });
    } catch (error) {
      ticket.abort();
      throw error;
    } finally {
      service.leave(ticket);
    }
  },
});

async function embedded(coming: Promise<Float32Array>, dimensions: number | null | undefined): Promise<Float32Array> {
  const vector = await coming;
  if (dimensions && dimensions !== vector.length) {
    const message = `dimensions: this model’s vectors have ${vector.length}`;
    throw badRequest(message, { param: 'dimensions', code: 'unsupported_parameter' });
  }
  return vector;
}

/** Float32, little endian. */
function base64(vector: Float32Array): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  vector.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
