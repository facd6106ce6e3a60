import { defineConfig } from 'vitest/config';
import { lavapipe } from '../../vitest.config.ts';

/** A suite of its own: emulated matrices compile for minutes. */
export default defineConfig({
  test: {
    include: ['test/matrices/*.test.ts'],
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    testTimeout: 600_000,
    env: { ...lavapipe, WEBGGUF_ADAPTER: 'lavapipe' },
  },
});
