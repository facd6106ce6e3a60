import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeAdapter } from '../../src/cli/setup/probe.ts';
import { findBrowser, findSwiftShader } from '../../src/runtime/find_browser.ts';

/** A directory with `bin/chromium`, a link to a browser that lies beside its SwiftShader. */
function fakeBrowser(): string {
  const root = mkdtempSync(join(tmpdir(), 'webgguf-browser-'));
  for (const name of ['bin', 'lib']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'lib/chromium'), '', { mode: 0o755 });
  writeFileSync(join(root, 'lib/vk_swiftshader_icd.json'), '{}');
  symlinkSync('../lib/chromium', join(root, 'bin/chromium'));
  return root;
}

test('the browser is found on the PATH, after the one that the environment names', () => {
  const [root, other] = [fakeBrowser(), fakeBrowser()];
  const named = join(other, 'lib/chromium');
  expect(findBrowser({ PATH: `/nowhere:${root}/bin` })).toBe(join(root, 'bin/chromium'));
  expect(findBrowser({ PATH: `${root}/bin`, PUPPETEER_EXECUTABLE_PATH: named })).toBe(named);
  expect(findBrowser({ PATH: `${root}/bin`, PUPPETEER_EXECUTABLE_PATH: `${named}-absent` })).toBe(
    join(root, 'bin/chromium'),
  );
});

test('SwiftShader is found beside the binary, whatever links lead to it', () => {
  const root = fakeBrowser();
  expect(findSwiftShader(join(root, 'bin/chromium'))).toBe(join(root, 'lib/vk_swiftshader_icd.json'));
});

test('both adapters of this machine compute', async () => {
  expect(await probeAdapter()).toHaveProperty('adapter');
  const manifest = findSwiftShader();
  expect(manifest).toBeDefined();
  expect(await probeAdapter(manifest)).toEqual({ adapter: expect.stringContaining('SwiftShader') });
});

test('a missing driver is a problem, said in one line', async () => {
  expect(await probeAdapter('/nowhere/icd.json')).toEqual({ problem: expect.stringMatching(/^[^\n]+$/) });
});
