import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../vitest.config.ts';

/** A suite of its own: it writes 10 GB beside the system's other temporary files, and takes half an hour. */
export default defineConfig({
  test: {
    include: ['test/streaming/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    fileParallelism: false, // each measures
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    env: lavapipe,
  },
});
