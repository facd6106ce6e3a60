import { en as gl } from './en.ts';

export { gl };
