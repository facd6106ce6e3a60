import { inject } from 'vitest';
import type { Installed } from './install.ts';

/** What the suite's setup has installed; throws what kept it from that. */
export function installed(): Installed {
  const result = inject('installed');
  if (typeof result === 'string') throw new Error(result);
  return result;
}
