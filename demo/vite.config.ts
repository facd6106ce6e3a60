/** `npm run demo` serves this folder; `npm run build:demo` writes the page to demo/dist, for any address; `vite preview demo` serves that. */
import { createHash } from 'node:crypto';
import { defineConfig, type Plugin } from 'vite';

/**
 * Scripts, styles and workers of the page's own alone, from no text; models from anywhere over https, and from this
 * machine.
 */
const rules = {
  'default-src': "'none'",
  'script-src': "'self'",
  'worker-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'manifest-src': "'self'",
  'connect-src': "'self' https: http://127.0.0.1:* http://localhost:*",
  'base-uri': "'none'",
  'form-action': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': 'webgguf dompurify',
};
const policy = Object.entries(rules).map(([name, sources]) => `${name} ${sources}`);

/** What a page can't say of itself, a server must. */
export const headers = {
  'Content-Security-Policy': [...policy, "frame-ancestors 'none'"].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const withPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: policy.join('; ') },
      injectTo: 'head-prepend',
    },
  ],
};

/** Tells the service worker the files of this build. */
const withFiles: Plugin = {
  name: 'service-worker-files',
  apply: 'build',
  enforce: 'post',
  generateBundle(_, bundle) {
    const names = Object.keys(bundle).filter((name) => !/\.gguf$|\.map$|service_worker|index\.html$/.test(name));
    const files = JSON.stringify(['./', 'icon.svg', 'manifest.webmanifest', ...names.sort()]);
    const worker = bundle['service_worker.js'];
    if (worker?.type !== 'chunk') throw new Error('the build has no service_worker.js');
    const version = createHash('sha256').update(files).update(JSON.stringify(policy)).digest('hex').slice(0, 12);
    worker.code = worker.code.replaceAll('FILES', files).replaceAll('VERSION', JSON.stringify(version));
  },
};

export default defineConfig({
  base: './',
  plugins: [withPolicy, withFiles],
  worker: { format: 'es' },
  build: {
    target: 'es2024',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: `${import.meta.dirname}/index.html`, service_worker: `${import.meta.dirname}/service_worker.ts` },
      output: {
        entryFileNames: ({ name }) => (name === 'service_worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  preview: { headers },
});
