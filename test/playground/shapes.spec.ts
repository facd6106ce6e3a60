/** Devices as other browsers shape them, and a main thread that stays free. */
import { readFile } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { serveModels } from './model_server.ts';
import { openSite, pocketPath } from './site.ts';

const site = await openSite();
afterAll(() => site[Symbol.asyncDispose]());
const pocket = new Uint8Array(await readFile(pocketPath));
const server = await serveModels({ 'pocket.gguf': { bytes: pocket, bytesPerSecond: 2_000_000 } });
afterAll(() => server[Symbol.asyncDispose]());

const questions = ['¿Cuál es la capital de Portugal?', "Explica'm un conte d'un gat i una clau."];

test('devices of Firefox’s and of Safari’s shape generate the same text', async () => {
  const answers: Record<string, string[]> = {};
  for (const shape of ['plain', 'firefox', 'safari']) {
    const visitor = await site.visit(`?device=${shape}`);
    await visitor.tryPocket();
    await visitor.set('temperature', 0);
    answers[shape] = [await visitor.answerTo(questions[0]!), await visitor.answerTo(questions[1]!)];
    if (shape !== 'plain') {
      await visitor.click('#show-look');
      expect(await visitor.texts('.chip')).toEqual(shape === 'firefox' ? ['dp4a'] : []);
      const limits = Object.fromEntries(
        (await visitor.texts('.limits > div')).map((line) => /^([a-zA-Z]+)([\d,]+)$/.exec(line)!.slice(1)),
      );
      expect(limits).toMatchObject({
        maxStorageBuffersPerShaderStage: '8',
        maxStorageBufferBindingSize: (128 * 2 ** 20).toLocaleString('en'),
      });
    }
    expect(visitor.errors).toEqual([]);
    await visitor.close();
  }
  expect(answers).toEqual({ plain: answers.plain, firefox: answers.plain, safari: answers.plain });
});

test('the main thread has no task over 50 ms while a model is fetched, loaded, and answers', async () => {
  const visitor = await site.visit();
  await visitor.openLink(`${server.url}/pocket.gguf`);
  const { tracing } = visitor.page;
  await tracing.start({ categories: ['toplevel', '__metadata'] });
  await visitor.load();
  for (const question of questions) await visitor.answerTo(question);
  const tasks = mainThreadTasks(await tracing.stop());
  expect(tasks.length).toBeGreaterThan(100);
  expect(tasks.filter((ms) => ms > 50)).toEqual([]);

  await tracing.start({ categories: ['toplevel', '__metadata'] });
  await visitor.page.evaluate(() => {
    for (const end = performance.now() + 200; performance.now() < end; );
  });
  expect(mainThreadTasks(await tracing.stop()).some((ms) => ms > 50)).toBe(true); // one would be seen
  await visitor.close();
});

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** The thread's own time, in microseconds: here it shares two cores with the software GPU. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Milliseconds that each took, of the main threads of pages. */
function mainThreadTasks(trace: Uint8Array | undefined): number[] {
  const { traceEvents: events } = JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: TraceEvent[] };
  const mains = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  return events
    .filter(
      ({ name, tid, pid }) => /::RunTask$/.test(name) && mains.some((main) => main.tid === tid && main.pid === pid),
    )
    .map(({ tdur = 0 }) => tdur / 1000);
}
