import { halfWords } from './half_words.ts';

/** F16: IEEE half precision. `unpack2x16float` needs no f16 feature. */
export const f16 = halfWords({ name: 'F16', widen: 'unpack2x16float(word)', exponent: '0x7c00u', native: true });
