/**
 * What the kernels of sampling share: how each row of logits becomes a token, and the noise that chooses.
 *
 * The draw is a Gumbel maximum: the token with the highest logit / temperature + noise(seed, counter, id) comes out with
 * exactly its softmax probability. The noise is a hash, so that a token depends on nothing but its own row.
 */

/** How one row of logits becomes a token; defaults are those of no effect. */
export interface RowSampling {
  /** Whose counts, biases and last token these are. */
  readonly sequence: number;
  /** 0: the most likely. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  readonly typicalP: number;
  readonly topP: number;
  readonly minP: number;
  readonly repeatPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly seed: number;
  /** Tokens drawn before this one. */
  readonly counter: number;
  /** Tokens that the penalties look back on; 0: none are counted. */
  readonly recentLength: number;
  /** Tokens that were counted so far: the place of the next in the ring of recent ones. */
  readonly recentPlace: number;
  /** Biases or penalties change logits. */
  readonly adjusts: boolean;
  /** Some tokens may be ruled out. */
  readonly filters: boolean;
  /**
   * The tokens that may be chosen, a bit each, the lowest first, [vocabLength / 32]; undefined: all. It may be on its way
   * where it depends on a token that is.
   */
  readonly mask?: Mask | Promise<Mask> | undefined;
  /** The token is the input of its sequence's next step; at most one row of a sequence feeds it. */
  readonly feeds: boolean;
}

export type Mask = Uint32Array<ArrayBuffer>;

/** The most likely token, whatever came before. */
export const mostLikely: RowSampling = {
  sequence: 0,
  temperature: 0,
  topK: 0,
  typicalP: 1,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 0,
  counter: 0,
  recentLength: 0,
  recentPlace: 0,
  adjusts: false,
  filters: false,
  feeds: true,
};

/** Words per row in the table of samplings. */
export const samplingWords = 16;
/** `recentLength` of penalties that look back on all tokens. */
export const allRecent = 0xffffffff;
/** The longest window of recent tokens, but for all of them: entries of a sequence's ring. */
export const maxRecent = 4096;
/** What a row gives whose logits hold NaN or infinity. */
export const noToken = 0xffffffff;

/** The logit of a token that may not be chosen. */
export const ruledOut = -1e30;
/** Words of a row's mask. */
export const maskWords = (vocabLength: number) => Math.ceil(vocabLength / 32);

/** Writes a row's sampling as the kernels read it, from word `row` × samplingWords on. */
export function writeSampling(words: Uint32Array, row: number, s: RowSampling): void {
  const at = row * samplingWords;
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  words.set([1, (s.adjusts ? 1 : 0) + (s.filters ? 2 : 0) + (s.mask ? 4 : 0), s.sequence, s.topK], at);
  floats.set([s.temperature, s.typicalP, s.topP, s.minP], at + 4);
  floats.set([s.repeatPenalty, s.frequencyPenalty, s.presencePenalty], at + 8);
  words.set([s.seed, s.counter, s.recentLength, s.recentPlace, s.feeds ? 1 : 0], at + 11);
}

export const samplingTable = `
struct Sampling {
  is_sampled: u32, // 0: the row is not sampled here
  changes: u32, // 1: adjusted, 2: filtered, 4: masked; any: the row to draw from stands in candidates
  sequence: u32,
  top_k: u32,
  temperature: f32,
  typical_p: f32,
  top_p: f32,
  min_p: f32,
  repeat_penalty: f32,
  frequency_penalty: f32,
  presence_penalty: f32,
  seed: u32,
  counter: u32,
  recent_length: u32,
  recent_place: u32,
  feeds: u32, // 1: its token is the input of its sequence's next step
}
var<storage, read> samplings: array<Sampling>;

const RULED_OUT = ${ruledOut}; // finite: WGSL may assume that there are no infinities
`;

/** Keys that order floats: of greater values the greater key, so that an atomic maximum finds the greatest. */
export const floatKeys = `
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(select(value, 0.0, value == 0.0));
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
fn value_of(key: u32) -> f32 { return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u)); }
`;

/**
 * The winner of a workgroup: all `offer` their scores, and after a barrier `claim` with their ids, of which the lowest
 * with the best score is `winner()` after another; `noToken` where anybody called the row broken.
 */
export const winner = `
var<workgroup> best_key: atomic<u32>;
var<workgroup> inverted_id: atomic<u32>;
var<workgroup> broken: atomic<u32>;

fn offer(score: f32) { atomicMax(&best_key, key_of(score)); }
fn claim(score: f32, id: u32) {
  if (key_of(score) == atomicLoad(&best_key)) { atomicMax(&inverted_id, ~id); }
}
fn is_broken() -> bool { return atomicLoad(&broken) != 0u; }
fn winner() -> u32 { return select(~atomicLoad(&inverted_id), ${noToken}u, is_broken()); }
`;

export const noise = `
fn scrambled(word: u32) -> u32 {
  var x = word;
  x = (x ^ (x >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}

// -log of an exponentially distributed number: standard Gumbel. Small ones decide, so they are the precise ones.
fn noise(seed: u32, counter: u32, id: u32) -> f32 {
  let draw = scrambled(scrambled(seed) + counter);
  let v = (f32(scrambled(scrambled(id * 0x9e3779b9u + draw) ^ draw)) + 0.5) * ${2 ** -32};
  let exponential = select(-log(max(1.0 - v, ${2 ** -25})), v + v * v * (0.5 + v / 3.0), v < 0.01);
  return -log(exponential);
}
`;

/** No noise is greater: −log of the smallest exponential. */
export const maxNoise = 33 * Math.LN2;

/** The same noise in float64. */
export function noiseOf(seed: number, counter: number, id: number): number {
  const draw = scrambled(scrambled(seed) + counter);
  const v = (scrambled(scrambled(Math.imul(id, 0x9e3779b9) + draw) ^ draw) + 0.5) * 2 ** -32;
  return -Math.log(-Math.log1p(-v));
}

function scrambled(word: number): number {
  let x = word >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
