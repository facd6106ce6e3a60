/** Headless Chromium on SwiftShader: the kernels, and the tokens that Node gives on lavapipe. */
import type { ElementHandle } from 'puppeteer';
import { afterAll, expect, test } from 'vitest';
import { kernels } from '../../kernels/index.ts';
import { load } from '../../src/runtime/node.ts';
import { openChromium, type TestPage } from './chromium.ts';
import { node } from './command.ts';
import { writeModel } from './model_file.ts';
import { greedyTokens, type KernelReport } from './scenario.ts';

const model = await writeModel();
afterAll(() => model[Symbol.asyncDispose]());
const chromium = await openChromium(model.folder);
afterAll(() => chromium[Symbol.asyncDispose]());

const scenario = await chromium.open('test/homes/page.html');
await scenario.until('window.isReady');

test('every case of every kernel', async () => {
  const report = (await scenario.page.evaluate('checkKernels()')) as KernelReport;
  expect(report.failures).toEqual([]);
  expect(report.kernels).toEqual(kernels.map(({ name }) => name));
}, 300_000);

test('greedy tokens are those of Node', async () => {
  const bytes = "fetch('/model.gguf').then((response) => response.bytes())";
  expect(await scenario.page.evaluate(`${bytes}.then(greedyTokens)`)).toEqual(await greedyTokens(load, model.path));
});

test('the example says what the one for Node says, of an URL and of a chosen file', async () => {
  const expected = await node('examples/node.ts', model.path);
  const said = `document.querySelector('pre').textContent.length >= ${expected.length}`;
  const text = (example: TestPage) => example.page.evaluate("document.querySelector('pre').textContent");

  const byUrl = await chromium.open('examples/browser.html?model=/model.gguf');
  await byUrl.until(said);
  expect(await text(byUrl)).toBe(expected);

  const byFile = await chromium.open('examples/browser.html');
  const input = (await byFile.page.$('input[type=file]'))!;
  await (input as ElementHandle<HTMLInputElement>).uploadFile(model.path);
  await byFile.until(said);
  expect(await text(byFile)).toBe(expected);
});

test('what goes wrong is said in one line', async () => {
  const failure = (call: string) => scenario.page.evaluate(`${call}.then(String, (error) => String(error))`);
  expect(await failure(`greedyTokens('/nowhere.gguf')`)).toMatch(/^GgufError: .*nowhere\.gguf/);
  expect(await failure(`openBrowserDevice({ adapter: 'nvidia' })`)).toMatch(
    /no adapter named "nvidia": .*swiftshader/i,
  );
});
