import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../vitest.config.ts';

/** A suite of its own: what is made for GPUs compiles for minutes on a CPU driver, and long prompts take as long. */
export default defineConfig({
  test: {
    include: ['test/families/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 1_200_000,
    env: { ...lavapipe, WEBGGUF_ADAPTER: 'lavapipe', WEBGGUF_CACHE: '' },
  },
});
