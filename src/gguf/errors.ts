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

/** A name out of a file, fit for one line of text: quoted, control characters escaped, shortened. */
export function quote(name: string): string {
  const short = name.length > MAX_QUOTED_LENGTH ? `${name.slice(0, MAX_QUOTED_LENGTH)}…` : name;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${hex4(c.charCodeAt(0))}`);
}

function hex4(code: number): string {
  return code.toString(16).padStart(4, '0');
}
