/** A grammar, a regular expression or a JSON schema that cannot be read, enforced, or kept within bounds. */
export class GrammarError extends Error {
  override name = 'GrammarError';
}
