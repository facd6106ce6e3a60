import { defineConfig } from 'vitest/config';

/** A suite of its own: what it runs comes from PyPI, and it takes a quarter of an hour. */
export default defineConfig({
  test: {
    include: ['test/server/harness/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    globalSetup: 'test/server/harness/install.ts',
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
  },
});
