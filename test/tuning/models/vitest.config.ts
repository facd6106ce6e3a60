import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../../vitest.config.ts';

/** A suite of its own: thorough tuning compiles every variant for every shape, which takes a CPU driver minutes. */
export default defineConfig({
  test: {
    include: ['test/tuning/models/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    env: { ...lavapipe, WEBGGUF_ADAPTER: 'lavapipe', WEBGGUF_CACHE: '' },
  },
});
