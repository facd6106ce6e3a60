/** A file that can't be read, or is not what it says: one line with the place, what is wrong and what to do. */
export class GgufError extends Error {
  override name = 'GgufError';

  /** `where` is a source's name; the message is `where: what`. */
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(`${where}: ${what}`, options);
  }
}

/** Long enough for every real key and tensor name; a hostile one must not flood the terminal. */
const MAX_QUOTED_LENGTH = 80;

/** Beside what JSON escapes: further controls, what is not seen, what turns the direction of writing. */
const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name out of a file, fit for one line of text: quoted, control characters escaped, shortened. */
export function quote(name: string): string {
  const short = name.length > MAX_QUOTED_LENGTH ? `${name.slice(0, MAX_QUOTED_LENGTH)}…` : name;
  return JSON.stringify(short).replace(UNSAFE, (c) => `\\u${hex4(c.charCodeAt(0))}`);
}

function hex4(code: number): string {
  return code.toString(16).padStart(4, '0');
}
