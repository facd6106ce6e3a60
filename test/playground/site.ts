/** The playground as it is built and served, and browsers that visit it. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Browser } from 'puppeteer';
import { build, preview } from 'vite';
import { findBrowser } from '../../src/runtime/find_browser.ts';
import { flags } from '../homes/chromium.ts';
import { Visitor } from './visitor.ts';

const root = fileURLToPath(new URL('../../demo/', import.meta.url));
export const pocketPath = fileURLToPath(new URL('../../models/pocket-q8_0.gguf', import.meta.url));

export interface Site extends AsyncDisposable {
  /** Where the built files are. */
  readonly folder: string;
  /** A page of a browser context of its own: nothing is stored there yet. */
  visit(query?: string, options?: { readonly languages?: readonly string[] }): Promise<Visitor>;
  /** Another tab, in the context of `beside`. */
  visitBeside(beside: Visitor, query?: string): Promise<Visitor>;
  /** The page's server is gone; what the browser keeps is all there is. */
  cutOff(): Promise<void>;
}

/** As it is published: vitest's NODE_ENV would make another page of it, without a service worker. */
async function buildPage(outDir: string): Promise<void> {
  const { NODE_ENV = '' } = process.env;
  process.env.NODE_ENV = 'production';
  try {
    await build({ root, build: { outDir, emptyOutDir: true }, logLevel: 'error' });
  } finally {
    process.env.NODE_ENV = NODE_ENV;
  }
}

/** Builds the page, serves it with its headers on a free port of 127.0.0.1, and starts a browser, with SwiftShader or no GPU. */
export async function openSite({ hasGpu = true } = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-playground-'));
  await buildPage(folder);
  const server = await preview({
    root,
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0 },
    logLevel: 'error',
  });
  const address = `http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}/`;
  const browser: Browser = await puppeteer.launch({
    executablePath: findBrowser()!,
    args: [...flags.filter((flag) => hasGpu || !flag.includes('webgpu')), '--lang=en-US'],
    protocolTimeout: 600_000,
  });
  return {
    folder,
    async visit(query, { languages } = {}) {
      const context = await browser.createBrowserContext();
      await context.overridePermissions(address, ['clipboard-read', 'clipboard-sanitized-write']);
      const page = await context.newPage();
      const speak = (wanted: readonly string[]) =>
        Object.defineProperty(Navigator.prototype, 'languages', { get: () => wanted });
      if (languages) await page.evaluateOnNewDocument(speak, languages);
      return Visitor.arrive(page, address, query);
    },
    visitBeside: async ({ page }, query) => Visitor.arrive(await page.browserContext().newPage(), address, query),
    cutOff: () => server.close(),
    async [Symbol.asyncDispose]() {
      await browser.close();
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
