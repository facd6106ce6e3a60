import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder with real models beside the checkout; absent elsewhere. */
export const sharedData = fileURLToPath(new URL('../../../shared/data', import.meta.url));
export const hasSharedData = existsSync(sharedData);
if (!hasSharedData) console.warn(`note: ${sharedData} is absent; the tests over real models are left out`);
