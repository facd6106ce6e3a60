import { defineConfig } from 'vitest/config';

/** A suite of its own: it fetches the linters and nginx from their registries, and loads three servers. */
export default defineConfig({
  test: {
    include: ['test/deploy/*.spec.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
