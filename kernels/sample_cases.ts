import { type RowSampling, samplingWords, writeSampling } from './parts/sampling.ts';

/** A row's sampling that changes nothing but what a case says, and its words. */
export function caseSamplings(said: Partial<RowSampling>): { sampling: RowSampling; words: Uint32Array } {
  const sampling: RowSampling = {
    sequence: 0,
    temperature: 1,
    topK: 0,
    typicalP: 1,
    topP: 1,
    minP: 0,
    repeatPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 7,
    counter: 0,
    recentLength: 0,
    recentPlace: 0,
    adjusts: false,
    filters: false,
    ...said,
  };
  const words = new Uint32Array(samplingWords);
  writeSampling(words, 0, sampling);
  return { sampling, words };
}
