/** The server over a real model whose device is lost. */
import { expect, test } from 'vitest';
import { load, nodeGpu } from '../../src/runtime/node.ts';
import { createApp, Service } from '../../src/server/index.ts';
import { loseDevice, watchDevices } from '../conformance/lose_device.ts';
import { writeModel } from '../homes/model_file.ts';
import { adapterName } from './adapter.ts';

nodeGpu(); // its classes
watchDevices();
const shape = { embeddingLength: 64, feedForwardLength: 128, blockCount: 2, vocabLength: 500 };
const asked = { prompt: [11, 23, 35, 47], max_tokens: 30, temperature: 0, stream: true };

test.runIf(adapterName === 'lavapipe')('a stream goes on over a loss; a second one soon is 503, and told', async () => {
  await using model = await writeModel(shape);
  await using llm = await load(model.path, { contextLength: 512, sequences: 2 });
  const service = new Service();
  service.ready(llm);
  const app = createApp(service);
  const post = (body: object) =>
    app.request('/v1/completions', {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
    });
  const texts = (stream: string) =>
    [...stream.matchAll(/"text":("(?:[^"\\\\]|\\\\.)*")/g)].map(([, text]) => JSON.parse(text!));
  const whole = texts(await (await post(asked)).text()).join('');

  const response = await post(asked);
  const reader = response
    .body!.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  let stream = (await reader.read()).value!;
  loseDevice();
  for (let part = await reader.read(); !part.done; part = await reader.read()) stream += part.value;
  expect(texts(stream).join('')).toBe(whole);
  expect(stream.trimEnd().endsWith('data: [DONE]')).toBe(true);

  loseDevice();
  const refused = await post({ ...asked, stream: false });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('Retry-After')).not.toBeNull();
  expect(await refused.json()).toMatchObject({ error: { code: 'gpu_unavailable' } });
  expect((await app.request('/health')).status).toBe(200);
  expect([service.queue.busy, service.queue.waiting]).toEqual([0, 0]);
});
