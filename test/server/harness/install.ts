import { installPython } from './python.ts';

/** Vitest's global setup of this suite. */
export default installPython;
