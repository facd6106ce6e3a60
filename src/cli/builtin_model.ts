/** The model that comes with the house: models/pocket-q8_0.gguf of the checkout and of the npm package. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package's folder: this file is src/cli/builtin_model.ts, or built dist/src/cli/builtin_model.js. */
const root = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url);

/** The file's path. */
export const builtinModel = fileURLToPath(new URL('models/pocket-q8_0.gguf', root));

export function hasBuiltinModel(): boolean {
  return existsSync(builtinModel);
}

/** The path, where the file is there; otherwise one line that tells how to make it. */
export function requireBuiltinModel(): string {
  if (!hasBuiltinModel())
    throw new Error(`${builtinModel} is missing: models/train/make.sh makes it, in about an hour`);
  return builtinModel;
}
