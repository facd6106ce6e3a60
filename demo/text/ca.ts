import { en as ca } from './en.ts';

export { ca };
