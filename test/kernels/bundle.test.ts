/** A page's bundle holds what runs, and nothing of what only checks it. */
import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

test('cases and references stay out of a bundle', async () => {
  const modules = await bundledModules('src/runtime/browser.ts');
  expect(modules).toContain('kernels/flash_attn.ts');
  const checking = /_cases|case_data|kernels\/index|quants\/(quantize|convert|pad_rows)|src\/gpu\/check/;
  expect(modules.filter((path) => checking.test(path))).toEqual([]);
});

/** The sources of which a bundle of `entry` holds anything at all. */
async function bundledModules(entry: string): Promise<string[]> {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      rolldownOptions: { input: join(root, entry), preserveEntrySignatures: 'strict' },
    },
  });
  const { output } = result as Rolldown.RolldownOutput;
  return output.flatMap((chunk) => {
    if (chunk.type !== 'chunk') return [];
    const rendered = Object.entries(chunk.modules).filter(([, { renderedLength }]) => renderedLength > 0);
    return rendered.map(([path]) => path.replace(`${root}/`, ''));
  });
}
