/** The system's Chromium on SwiftShader, and the checkout served to it as Vite serves a project. */
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Page } from 'puppeteer';
import { createServer, defaultClientConditions } from 'vite';
import { findBrowser } from '../../src/runtime/find_browser.ts';

/** Chromium's, to run on SwiftShader without a window or a network of its own. */
export const flags = [
  '--no-sandbox', // tests run as root in containers
  '--enable-unsafe-webgpu', // a software adapter is on Chromium's blocklist
  '--use-webgpu-adapter=swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface TestBrowser extends AsyncDisposable {
  /** Opens a page of the checkout by its path. */
  open(path: string): Promise<TestPage>;
}

export interface TestPage {
  readonly page: Page;
  /** Waits until an expression of the page is true; rejects with what the page failed with before. */
  until(expression: string): Promise<void>;
}

/** Serves the checkout, and `publicFolder`'s files at the root, on a free port of 127.0.0.1, with `headers`. */
export async function openChromium(publicFolder: string, headers: Record<string, string> = {}): Promise<TestBrowser> {
  const executablePath = findBrowser();
  if (!executablePath) throw new Error('no Chromium or Chrome found; `npm run setup` installs it');
  const server = await createServer({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('../../', import.meta.url)),
    publicDir: publicFolder,
    cacheDir: `${publicFolder}/.vite`,
    server: { host: '127.0.0.1', port: 0, hmr: false, watch: null, headers },
    resolve: { conditions: ['webgguf-source', ...defaultClientConditions] },
    optimizeDeps: { noDiscovery: true, include: [] }, // found late, a dependency would reload the page
  });
  await server.listen();
  const { port } = server.httpServer!.address() as AddressInfo;
  const browser = await puppeteer.launch({ executablePath, args: flags, protocolTimeout: 600_000 });
  return {
    async open(path) {
      const page = await browser.newPage();
      const failed = new Promise<never>((_, reject) => page.once('pageerror', reject));
      failed.catch(() => undefined); // whoever waits hears of it
      await page.goto(`http://127.0.0.1:${port}/${path}`);
      return {
        page,
        until: (expression) =>
          Promise.race([
            page.waitForFunction(expression, { timeout: 100_000, polling: 50 }).then(() => undefined),
            failed,
          ]),
      };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await server.close();
    },
  };
}
