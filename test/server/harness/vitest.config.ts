import { defineConfig } from 'vitest/config';

/** A suite of its own (`.spec.ts`, which `npm test` does not take up): it runs what comes from PyPI, for half an hour. */
export default defineConfig({
  test: {
    include: ['test/server/harness/*.spec.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    globalSetup: 'test/server/harness/install.ts',
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
  },
});
