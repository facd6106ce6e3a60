/** Headless Chromium on SwiftShader: the kernels, and the tokens that Node gives on lavapipe. */
import { copyFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ElementHandle } from 'puppeteer';
import { afterAll, describe, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { load } from '../../src/runtime/node.ts';
import type { ConformanceReport } from '../conformance/conformance.ts';
import { hasSharedData } from '../fixtures/shared_data.ts';
import { openChromium, type TestPage } from './chromium.ts';
import { node } from './command.ts';
import { writeModel } from './model_file.ts';
import { realModels } from './node_cases.ts';
import type { KernelReport } from './scenario.ts';
import type { streamStored, useWorker } from './worker_scenario.ts';

type UseReport = Awaited<ReturnType<typeof useWorker>>;

const model = await writeModel();
afterAll(() => model[Symbol.asyncDispose]());
const cases = hasSharedData ? await realModels() : [];
for (const { source } of cases) await copyFile(source, `${model.folder}/${basename(source)}`);
const chromium = await openChromium(model.folder);
afterAll(() => chromium[Symbol.asyncDispose]());

const scenario = await chromium.open('test/homes/page.html');
await scenario.until('window.isReady');

// Node goes through all cases on the same SwiftShader; here it is Chromium's compiler, limits and processes
test('every kernel, in every variant', async () => {
  const report = (await scenario.page.evaluate('checkKernels(2)')) as KernelReport;
  expect(report.failures).toEqual([]);
  expect(report.kernels).toEqual(kernels.map(({ name }) => name));
}, 300_000);

test('the built-in model, as it was recorded', async () => {
  expect(await scenario.page.evaluate("checkPocket('fast')")).toEqual({ fast: 'right' }); // exact is the next
}, 300_000);

// SwiftShader compiles each model's kernels anew, for seconds: page and worker share the models, Deno goes through all
describe.each([
  ['Page', cases.slice(0, 2)],
  ['Worker', cases.slice(2, 4)],
] as const)('in a %s', (place, some) => {
  test('conformance', async () => {
    const report = await scenario.page.evaluate(`conformanceIn${place}('/model.gguf')`);
    const { checks, failures } = report as ConformanceReport;
    expect(failures).toEqual([]);
    expect(checks.length).toBeGreaterThan(10);
  }, 300_000);

  test.runIf(hasSharedData)(
    'real models go on as llama.cpp does, or as in Node',
    async () => {
      const inPage = some.map((each) => ({ ...each, source: `/${basename(each.source)}` }));
      const got = await scenario.page.evaluate(`continuationsIn${place}(${JSON.stringify(inPage)})`);
      expect(got).toEqual(some.map(({ expected }) => expected));
    },
    300_000,
  );
});

test('texts are kept in the origin’s file system, whole', async () => {
  const kept = await scenario.page.evaluate('cachedTexts()');
  expect(kept).toEqual(['second', null, null]);
});

test('a model in a worker goes on after what is left, aborted or refused, and ends with its worker', async () => {
  const { expected, ...report } = (await scenario.page.evaluate("useWorker('/model.gguf')")) as UseReport;
  expect(expected).toHaveLength(4);
  expect(report).toEqual({
    progress: { stage: 'weights', doneBytes: expect.any(Number), totalBytes: report.progress!.doneBytes },
    afterBreak: expected,
    afterAbort: expected,
    stopReason: 'abort',
    tooLong: true,
    outOfRange: 'topP takes a number from 0 to 1, not 2',
    rows: 2,
    afterClose: 'the model is closed',
  });
  await expect.poll(() => scenario.page.workers()).toEqual([]);
});

test('a stored file streams in a worker, and says what it says in Node', async () => {
  const got = await scenario.page.evaluate("streamStored('/model.gguf', 1_500_000)");
  const { ids, streamedLayers } = got as Awaited<ReturnType<typeof streamStored>>;
  await using llm = await load(model.path, { precision: 'exact', contextLength: 512 });
  const expected = await Array.fromAsync(llm.generate('Once', { maxTokens: 4, temperature: 0 }));
  expect(ids).toEqual(expected.map(({ id }) => id));
  expect(streamedLayers).toBe(llm.info.residentLayers);
});

test('a worker whose model does not load says why, in the page’s own classes, and is gone', async () => {
  expect(await scenario.page.evaluate("failToLoad('/model.gguf')")).toEqual({
    missing: expect.stringMatching(/^http.*nowhere\.gguf: /),
    adapter: expect.stringMatching(/no adapter named "nvidia": .*swiftshader/i),
    bytes: expect.stringMatching(/^bytes: /),
    cancelled: true,
    notAWorker: 'WorkerError: the worker’s script did not load',
  });
  await expect.poll(() => scenario.page.workers()).toEqual([]);
});

test('the examples say what the one for Node says, of an URL in the page and of a chosen file in a worker', async () => {
  const expected = await node('examples/node.ts', model.path);
  const text = async ({ page, until }: TestPage) => {
    await until(`document.querySelector('pre').textContent.length >= ${expected.length}`);
    return page.evaluate("document.querySelector('pre').textContent");
  };
  expect(await text(await chromium.open('examples/browser.html?model=/model.gguf'))).toBe(expected);

  const inWorker = await chromium.open('examples/worker.html');
  await choose(inWorker, 'input', model.path);
  expect(await text(inWorker)).toBe(expected);
});

test('what goes wrong is said in one line', async () => {
  const failure = (call: string) => scenario.page.evaluate(`${call}.then(String, (error) => String(error))`);
  expect(await failure(`load('/nowhere.gguf')`)).toMatch(/^GgufError: .*nowhere\.gguf/);
  expect(await failure(`openBrowserDevice({ adapter: 'nvidia' })`)).toMatch(
    /no adapter named "nvidia": .*swiftshader/i,
  );
});

async function choose({ page }: TestPage, selector: string, path: string): Promise<void> {
  const input = (await page.$(selector)) as ElementHandle<HTMLInputElement>;
  await input.uploadFile(path);
}
