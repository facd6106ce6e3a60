/** Every state of the page, one after another: for screenshots, and for axe. */
import { readFile } from 'node:fs/promises';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { serveModels } from './model_server.ts';
import { openSite, pocketPath, type Site } from './site.ts';
import type { Visitor } from './visitor.ts';

export interface State {
  readonly name: string;
  readonly visitor: Visitor;
}

/** A browser to itself where the state wants one. */
export async function* states(site: Site): AsyncGenerator<State> {
  yield* conversation(site);
  yield* troubles(site);
  yield* gpuTroubles();
}

async function* conversation(site: Site): AsyncGenerator<State> {
  const bytes = await randomGgufBytes({
    ...fixtures.alia,
    name: 'ALIA’s shape, 13M',
    vocabLength: 24_000,
    poolBytes: 2 ** 20,
    metadata: { 'general.license': 'apache-2.0' },
  });
  await using server = await serveModels({
    'alia-shape-13m-q8_0.gguf': { bytes, bytesPerSecond: 1_000_000 },
    'pocket.gguf': { bytes: new Uint8Array(await readFile(pocketPath)) },
  });
  const visitor = await site.visit();
  yield { name: 'start', visitor };
  await visitor.openLink(`${server.url}/pocket.gguf`);
  await visitor.load();
  await visitor.reload();
  await visitor.openLink(`${server.url}/alia-shape-13m-q8_0.gguf`);
  yield { name: 'model', visitor };
  await visitor.click('#load');
  await visitor.until('a rate', async () => / left$/.test((await visitor.texts('#loading-numbers'))[0] ?? ''));
  yield { name: 'loading', visitor };
  await visitor.click('#cancel');
  await visitor.click('#back');
  yield { name: 'start-stored', visitor };

  await visitor.tryPocket();
  yield { name: 'greeting', visitor };
  await visitor.set('temperature', 0);
  yield { name: 'settings', visitor };
  await visitor.click('#show-sampling');
  await visitor.dismissNotices();
  await visitor.answerTo('¿Cuál es la capital de Portugal?');
  await visitor.answerTo("Explica'm un conte d'un gat i una clau.");
  yield { name: 'chat', visitor };
  await visitor.click('#show-chats');
  yield { name: 'chats', visitor };
  await visitor.click('#show-look');
  await visitor.click('#measure');
  await visitor.until('kernels', async () => (await visitor.texts('.kernels tr')).length > 0);
  yield { name: 'look-inside', visitor };
  await visitor.click('#show-storage');
  yield { name: 'storage', visitor };
  await visitor.click('#show-storage');
  await visitor.click('.answer:last-of-type [aria-label="Tokens"]');
  await visitor.until('tokens', async () => (await visitor.texts('.scored .token')).length > 0);
  await visitor.page.hover('.scored .token[style*="--doubt: 0."]:not([style*="0.0"])'); // one that was in doubt
  yield { name: 'tokens', visitor };
  await visitor.click('.answer:last-of-type [aria-label="Prompt"]');
  await visitor.until('the prompt', async () => (await visitor.texts('.raw .token')).length > 0);
  yield { name: 'prompt', visitor };
  await visitor.click('.answer:last-of-type [aria-label="Prompt"]');
  await visitor.click('.question [aria-label="Edit"]');
  yield { name: 'edit', visitor };
  await visitor.close();
}

async function* troubles(site: Site): AsyncGenerator<State> {
  const junk = new Uint8Array(2000).fill(7);
  const plain = { ...fixtures.alia, contextLength: 64 };
  const long = await randomGgufBytes({
    ...fixtures.alia,
    metadata: { 'llama.context_length': { type: 'uint32', value: 2 ** 27 } },
  });
  const strict = "{{ raise_exception('only one question, please') }}";
  await using server = await serveModels({
    'gated.gguf': { bytes: junk, status: 401 },
    'broken.gguf': { bytes: junk },
    'short.gguf': { bytes: await randomGgufBytes(plain), ranges: false },
    'long.gguf': { bytes: long },
    'strict.gguf': { bytes: await randomGgufBytes({ ...plain, metadata: { 'tokenizer.chat_template': strict } }) },
    'other.gguf': { bytes: await randomGgufBytes({ ...plain, metadata: { 'general.architecture': 'mamba' } }) },
  });
  const visitor = await site.visit();
  const link = async (name: string) => {
    await visitor.write('#link', name.includes(':') ? name : `${server.url}/${name}.gguf`);
    await visitor.click('#open');
  };
  for (const [name, kind] of [
    ['nowhere', 'notFound'],
    ['gated', 'gated'],
    ['broken', 'badFile'],
    ['http://127.0.0.1:9/x.gguf', 'network'],
  ] as const) {
    await link(name);
    await visitor.see(`.trouble[data-kind="${kind}"]`);
    yield { name: `trouble-${kind}`, visitor };
  }
  await link('other');
  await visitor.see('.verdict.bad');
  yield { name: 'trouble-unsupported', visitor };
  await visitor.click('#back');
  await link('long');
  await visitor.click('summary');
  await visitor.write('#context-length', String(2 ** 27));
  await visitor.click('#load');
  await visitor.see('.trouble[data-kind="memory"]');
  yield { name: 'trouble-memory', visitor };
  await visitor.click('#back');

  await visitor.openLink(`${server.url}/strict.gguf`);
  await visitor.load();
  await visitor.ask('Hola');
  await visitor.see('.trouble[data-kind="template"]');
  yield { name: 'trouble-template', visitor };
  await visitor.click('#close');

  const quota = await visitor.page.createCDPSession();
  const origin = new URL(visitor.page.url()).origin;
  await quota.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 500_000 });
  await visitor.openLink(`${server.url}/short.gguf`);
  await visitor.click('#load');
  await visitor.see('.trouble[data-kind="storageFull"]');
  yield { name: 'trouble-storageFull', visitor };
  await quota.send('Storage.overrideQuotaForOrigin', { origin });

  await visitor.watchDevices();
  await visitor.load();
  yield { name: 'notice-noRange', visitor };
  await visitor.answerTo('hola');
  await visitor.ask('hola again and again');
  await visitor.see('.trouble[data-kind="contextFull"]');
  yield { name: 'trouble-contextFull', visitor };
  const beside = await site.visitBeside(visitor);
  await beside.click('#show-storage');
  await beside.click('[aria-label="Delete short.gguf"]');
  await beside.see('.trouble[data-kind="busy"]');
  yield { name: 'trouble-busy', visitor: beside };
  await beside.close();
  await visitor.page.bringToFront();
  await visitor.page.workers()[0]!.evaluate(() => {
    setTimeout(() => {
      throw new Error('out of memory');
    });
  });
  await visitor.ask('hola');
  await visitor.see('.trouble[data-kind="worker"]');
  yield { name: 'trouble-worker', visitor };
  await visitor.close();

  const lost = await site.visit();
  await lost.click('#try');
  await lost.until('a worker', async () => lost.page.workers().length > 0);
  await lost.watchDevices();
  await lost.see('#question');
  await lost.loseDevice();
  await lost.answerTo('Hola');
  yield { name: 'notice-reloaded', visitor: lost };
  await lost.loseDevice();
  await lost.ask('Hola');
  await lost.see('.trouble[data-kind="lost"]');
  yield { name: 'trouble-lost', visitor: lost };
  await lost.close();
}

async function* gpuTroubles(): AsyncGenerator<State> {
  await using site = await openSite({ hasGpu: false });
  const without = await site.visit();
  await without.openFiles(pocketPath);
  await without.see('.trouble[data-kind="noAdapter"]');
  yield { name: 'trouble-noAdapter', visitor: without };
  await without.page.evaluateOnNewDocument(() => {
    delete (Navigator.prototype as { gpu?: GPU }).gpu;
  });
  await without.reload();
  await without.see('.trouble[data-kind="noWebGpu"]');
  yield { name: 'trouble-noWebGpu', visitor: without };
}
