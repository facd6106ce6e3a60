import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../../vitest.config.ts';

/** A suite of its own: `npm test` asks nothing of the network. */
export default defineConfig({
  test: {
    include: ['test/package/registry/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    testTimeout: 600_000, // some hundred megabytes are fetched
    env: lavapipe,
  },
});
