/** The longest canonical decomposition of one character, in characters. */
const LONGEST_DECOMPOSITION = 4;
/** What may follow another character in a decomposition: combining marks, and the vowels and finals of Hangul. */
const FOLLOWER = /^[\p{M}\u1161-\u11ff]$/u;

/**
 * Unicode's NFC as SentencePiece's table of it works: from left to right, the longest run that is the decomposition of one
 * character becomes that character. Marks that stand in another order stay as they are, where NFC would sort them.
 */
export function normalizeLikeSentencePiece(text: string): string {
  if (text === text.normalize('NFC')) return text;
  const characters = [...text];
  let normalized = '';
  for (let i = 0; i < characters.length; ) {
    let length = 1;
    while (length < LONGEST_DECOMPOSITION && FOLLOWER.test(characters[i + length] ?? '')) length++;
    while (length > 1 && !isDecomposition(characters.slice(i, i + length))) length--;
    normalized += characters
      .slice(i, i + length)
      .join('')
      .normalize('NFC');
    i += length;
  }
  return normalized;
}

function isDecomposition(characters: readonly string[]): boolean {
  const composed = characters.join('').normalize('NFC');
  const decomposed = characters.map((character) => character.normalize('NFD'));
  return (
    [...composed].length === 1 &&
    decomposed.every((character) => [...character].length === 1) &&
    composed.normalize('NFD') === decomposed.join('')
  );
}
