import { SplitPreTokenizer } from '@huggingface/tokenizers';

/** How a byte-level vocabulary cuts text into words before it merges, by `tokenizer.ggml.pre`. */
export interface PreTokenizer {
  /** Each pattern cuts every piece of the one before it; what a pattern matches and what lies between are pieces. */
  readonly patterns: readonly string[];
  /** A word that is a token as it stands is not merged. */
  readonly ignoreMerges?: boolean;
  /** BOS goes first unless the file says otherwise. */
  readonly addBos?: boolean;
}

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";
const contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const punctuationAndSpace = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const llama3 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${punctuationAndSpace}`;
const qwen2 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${punctuationAndSpace}`;
const qwen35 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|${punctuationAndSpace.replace('\\p{L}', '\\p{L}\\p{M}')}`;
/** The models' own; llama.cpp's stand-in for it, [^a-z] and [^A-Z], knows no capitals beyond ASCII. */
const letterRuns = (end: string) =>
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+' +
  `${end}|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*${end}`;
const slashAndSpace = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
/** Letters of the scripts with cases, as DeepSeek lists them. */
const casedLetters =
  'A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376' +
  '\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-' +
  '\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a' +
  '\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4' +
  '\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc' +
  '\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f' +
  '\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b' +
  '\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a' +
  '\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-' +
  '\u{118df}\u{1e900}-\u{1e943}';
/** From U+0800 on, Chinese and Korean among it; white space in these ranges counts as white space only. */
const han = '(?:(?!\\s)[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff])+';
const deepseekV3 =
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+' +
  '| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

const families: readonly (readonly [names: string, PreTokenizer])[] = [
  ['default', { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'] }],
  ['gpt-2 gpt2 mpt olmo jais trillion phi phi-2 gpt-neox exaone4 mellum modern-bert', { patterns: [gpt2] }],
  [
    'llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2',
    { patterns: [llama3], ignoreMerges: true, addBos: true },
  ],
  ['dbrx smaug-bpe glm4 chatglm-bpe', { patterns: [llama3] }],
  ['qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan solar-open grok-2', { patterns: [qwen2] }],
  ['qwen35', { patterns: [qwen35] }],
  ['starcoder refact command-r smollm codeshell exaone minerva-7b', { patterns: ['\\p{N}', gpt2] }],
  ['falcon', { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2, '[0-9][0-9][0-9]'] }],
  [
    'deepseek-llm',
    {
      patterns: [
        '[\\r\\n]',
        `\\s?[${casedLetters}]+`,
        '\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002]+',
        '\\s+$',
        han,
        '\\p{N}+',
      ],
    },
  ],
  ['deepseek-coder', { patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', han, '\\p{N}'] }],
  ['deepseek-v3 hunyuan-dense joyai-llm', { patterns: ['\\p{N}{1,3}', '[\u4e00-\u9fa5\u3040-\u30ff]+', deepseekV3] }],
  ['tekken', { patterns: [`${letterRuns('')}|\\p{N}|${slashAndSpace}`], ignoreMerges: true, addBos: true }],
  ['gpt-4o llama4 kanana2', { patterns: [`${letterRuns(`${contractions}?`)}|\\p{N}{1,3}|${slashAndSpace}`] }],
];

const byName = new Map(families.flatMap(([names, family]) => names.split(' ').map((name) => [name, family] as const)));

/** `undefined` where the name is not known. */
export function findPreTokenizer(name: string): PreTokenizer | undefined {
  return byName.get(name);
}

/** Cuts a text into words by the patterns; the words joined are the text. */
export function wordSplitter(patterns: readonly string[]): (text: string) => string[] {
  const splits = patterns.map(
    (pattern) =>
      new SplitPreTokenizer({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }),
  );
  return (text) => splits.reduce((words, split) => words.flatMap((word) => split.pre_tokenize_text(word)), [text]);
}
