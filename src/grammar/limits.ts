/** What a grammar may cost, whoever wrote it. */

/** Characters of a grammar, a regular expression or a schema as JSON. */
export const maxSourceLength = 2 ** 18;
/** Levels of brackets, groups and schemas within each other, as they are written. */
export const maxSourceDepth = 128;
/** Nodes of the automaton that is made of it. */
export const maxNodes = 200_000;
/** Rules within each other while a text is written: beyond that no rule begins. */
export const maxTextDepth = 256;
/** Ways in which a text so far may be meant. */
export const maxConfigs = 2048;
/** Places that are looked at for all texts of a grammar: some seconds. */
export const maxVisits = 20_000_000;
/** States that are kept while a text is written, and masks: 32 KiB each with 256,000 tokens. */
export const maxStates = 50_000;
export const maxMasks = 512;
