import { en as es } from './en.ts';

export { es };
