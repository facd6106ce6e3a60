import { globSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { findSwiftShader } from './src/runtime/find_browser.ts';

/** Every GPU test runs on each software adapter, in processes of its own: the Vulkan loader picks its driver once. */
const drivers = {
  lavapipe: globSync('/usr/share/vulkan/icd.d/lvp_icd*.json')[0],
  swiftshader: findSwiftShader(),
};

/** What chooses lavapipe as the adapter, and what chooses Chromium's. */
export const lavapipe = vulkanDriver(drivers.lavapipe);
export const swiftshader = vulkanDriver(drivers.swiftshader);

export default defineConfig({
  test: {
    reporters: ['default', './test/ci_reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    env: { WEBGGUF_CACHE: '' }, // nothing of another run decides what is tested
    testTimeout: 120_000, // a CPU driver compiles a large kernel for seconds
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'host',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/gpu/**',
            'test/homes/**',
            'test/families/**',
            'test/package/**',
            'test/streaming/**',
            'test/tuning/models/**',
          ],
        },
      },
      ...Object.entries(drivers).map(([name, driver]) => ({
        extends: true as const,
        test: {
          name,
          include: ['test/gpu/**/*.test.ts'],
          env: { ...vulkanDriver(driver), WEBGGUF_ADAPTER: name },
        },
      })),
      {
        extends: true,
        test: { name: 'homes', include: ['test/homes/**/*.test.ts'], env: lavapipe },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/*.test.ts'],
          globalSetup: 'test/package/install.ts',
          env: lavapipe,
        },
      },
    ],
  },
});

/** Without a driver the adapter is missing, and the tests fail and say so. */
function vulkanDriver(path = 'missing') {
  return { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path };
}
