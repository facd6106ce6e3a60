import { en as eu } from './en.ts';

export { eu };
