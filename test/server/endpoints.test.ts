/** The smaller endpoints: models, embeddings, tokens, templates, status, and the document of them all. */
import { expect, test } from 'vitest';
import { operations } from '../../src/server/app.ts';
import { openApiDocument } from '../../src/server/openapi.ts';
import { fakeServer } from './client.ts';

const json = async (path: string) => (await fakeServer({ chatTemplate: '{{ messages }}' }).get(path)).json();

test('/v1/models', async () => {
  const { object, data } = await json('/v1/models');
  expect(object).toBe('list');
  expect(data).toEqual([expect.objectContaining({ id: 'Fake', object: 'model', owned_by: 'webgguf' })]);
});

test('/v1/models/{model}: by any name, unless names are strict', async () => {
  expect(await json('/v1/models/org%2Fother')).toMatchObject({ id: 'org/other', object: 'model' });
  const strict = fakeServer({ strictModel: true });
  expect((await strict.get('/v1/models/Fake')).status).toBe(200);
  expect((await strict.get('/v1/models/other')).status).toBe(404);
});

test('/v1/embeddings: texts and ids, numbers and base64', async () => {
  const { ask, refused } = fakeServer();
  const path = '/v1/embeddings';
  const { data, usage } = await ask(path, { input: ['ab', 'c'] });
  expect(data).toEqual([
    { object: 'embedding', index: 0, embedding: [3, 0.5] },
    { object: 'embedding', index: 1, embedding: [2, 0.5] },
  ]);
  expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
  expect((await ask(path, { input: [97, 98] })).data[0].embedding).toEqual([2, 0.5]);
  expect((await ask(path, { input: [[97], [98, 99]] })).data).toHaveLength(2);
  const encoded = (await ask(path, { input: 'ab', encoding_format: 'base64' })).data[0].embedding;
  expect([...new Float32Array(new Uint8Array(Buffer.from(encoded, 'base64')).buffer)]).toEqual([3, 0.5]);
  await ask(path, { input: 'ab', dimensions: 2, pooling: 'mean' });
  expect(await refused(path, { input: 'ab', dimensions: 3 })).toMatchObject({ status: 400, param: 'dimensions' });
  expect(await refused(path, { input: '' })).toMatchObject({ status: 400, param: 'input' });
});

test('/tokenize and /detokenize, in vLLM’s words and in llama-server’s', async () => {
  const { ask, refused } = fakeServer();
  const tokens = async (body: object) => (await ask('/tokenize', body)).tokens;
  expect(await tokens({ prompt: 'ab' })).toEqual([256, 97, 98]);
  expect(await tokens({ prompt: 'ab', add_special_tokens: false })).toEqual([97, 98]);
  expect(await tokens({ content: 'ab' })).toEqual([97, 98]);
  expect(await tokens({ content: 'ab', add_special: true })).toEqual([256, 97, 98]);
  expect(await tokens({ prompt: '</s>', add_special_tokens: false })).toEqual([257]);
  expect(await ask('/detokenize', { tokens: [256, 97, 98] })).toEqual({ prompt: '<s>ab', content: '<s>ab' });
  expect(await refused('/detokenize', { tokens: [999] })).toMatchObject({ status: 400 });
  expect(await refused('/tokenize', {})).toMatchObject({ status: 400, param: 'prompt' });
});

test('/tokenizer_info and /props tell the template and special tokens', async () => {
  const special = { bos_token: '<s>', eos_token: '</s>', pad_token: '</s>', chat_template: '{{ messages }}' };
  expect(await json('/tokenizer_info')).toEqual(special);
  expect(await json('/props')).toMatchObject({ total_slots: 2, ...special });
});

test('/slots and /metrics follow the work', async () => {
  const gate = Promise.withResolvers<void>();
  const { post, get } = fakeServer({ beforeToken: () => gate.promise });
  const busy = async () =>
    ((await (await get('/slots')).json()) as { is_processing: boolean }[]).map((slot) => slot.is_processing);
  expect(await busy()).toEqual([false, false]);
  const answer = post('/v1/completions', { prompt: 'ab' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await busy()).toEqual([true, false]);
  gate.resolve();
  await answer;
  const text = await (await get('/metrics')).text();
  for (const line of [
    'webgguf_requests_total{route="/v1/completions",status="200"} 1',
    'webgguf_tokens_total{kind="prompt"} 3',
    'webgguf_tokens_total{kind="generated"} 14',
    'webgguf_time_to_first_token_seconds_count 1',
    'webgguf_time_per_token_seconds_count 1',
    'webgguf_sequences_busy 0',
    'webgguf_sequences 2',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});

test('/slots tells what a model knows of its sequences', async () => {
  const { get, llm } = fakeServer();
  const sequences = [
    { isTaken: false, tokens: 7 },
    { isTaken: true, tokens: 0 },
  ];
  Object.assign(llm, { load: { kvBytes: 0, kvPositions: 7, passSeconds: 0, sequences } });
  const slots = await (await get('/slots')).json();
  expect(slots).toMatchObject([
    { id: 0, is_processing: false, n_past: 7 },
    { id: 1, is_processing: true, n_past: 0 },
  ]);
});

test('/openapi.json has every endpoint, its schemas and errors', async () => {
  const document = await json('/openapi.json');
  expect(document).toEqual(JSON.parse(JSON.stringify(openApiDocument(operations, false))));
  expect(Object.keys(document.paths).sort()).toEqual([...new Set(operations.map(({ path }) => path))].sort());
  const { post } = document.paths['/v1/chat/completions'];
  expect(post.requestBody.content['application/json'].schema.required).toEqual(['messages']);
  expect(Object.keys(post.responses)).toEqual(['200', '400', '404', '413', '415', '500', '503']);
  expect(Object.keys(post.responses[200].content)).toEqual(['application/json', 'text/event-stream']);
});
