import { defineConfig } from 'vitest/config';
import { swiftshader } from '../../vitest.config.ts';

/** A suite of its own: headless Chromium goes through every state of the built page, for minutes. */
export default defineConfig({
  test: {
    include: ['test/playground/*.spec.ts'],
    reporters: ['verbose', './test/ci_reporter.ts'],
    pool: 'forks',
    fileParallelism: false, // browsers beside each other would be slow, and one of the tests measures
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { ...swiftshader, WEBGGUF_CACHE: '' }, // Node's answers on the adapter that Chromium has
  },
});
