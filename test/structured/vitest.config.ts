import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../vitest.config.ts';

/** A suite of its own: the built-in model answers hundreds of requests in given forms, for some minutes. */
export default defineConfig({
  test: {
    include: ['test/structured/*.spec.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    maxWorkers: 1,
    env: lavapipe,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
