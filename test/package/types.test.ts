/** The published types in strict projects, each with its compiler and the declarations that it has. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installed } from './installed.ts';
import { compile } from './run.ts';

const { project } = installed();
await copyFile(join(import.meta.dirname, 'consumer.ts'), join(project, 'consumer.ts'));

test.each([
  ['TypeScript 7', 'tsc', { module: 'nodenext' }],
  ['TypeScript 6', 'tsc6', { module: 'nodenext' }],
  ['a bundler', 'tsc', { module: 'esnext', moduleResolution: 'bundler', types: [], target: 'es2022' }],
  // without the DOM's declarations nobody has WebGPU's: @webgpu/types too builds on them
  ['Node alone, no DOM', 'tsc', { module: 'nodenext', types: ['node'], lib: ['es2022'], skipLibCheck: true }],
] as const)('%s', async (name, compiler, compilerOptions) => {
  const config = `${name.replaceAll(/\W/g, '_')}.json`;
  const strict = { strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true };
  await writeFile(
    join(project, config),
    JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions }, files: ['consumer.ts'] }),
  );
  expect(await compile(project, compiler, '-p', config)).toBe('');
});
