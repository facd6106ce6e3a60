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

/** A name out of a file, fit for one line of text: quoted, shortened, made harmless. */
export function quote(name: string): string {
  const short = name.length > MAX_QUOTED_LENGTH ? `${name.slice(0, MAX_QUOTED_LENGTH)}…` : name;
  return harmless(JSON.stringify(short));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal obeys
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A line with its control characters, what is not seen and what turns the direction of writing as escapes. */
export function harmless(line: string): string {
  return line.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
