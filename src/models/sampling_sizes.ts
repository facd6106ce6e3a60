/** How large the buffers are that choose tokens; what fills and reads them is decoding's. */
import { maskWords, maxRecent, samplingWords } from '../../kernels/parts/sampling.ts';
import { paddedLength } from '../../kernels/quants/block_type.ts';
import { drawBlocks } from '../../kernels/sample_draw.ts';

/** Words of what is known of each row of logits, and of each sequence. */
export function samplingTableWords(vocabLength: number, rows: number, sequences: number) {
  return {
    samplings: rows * samplingWords,
    biases: sequences * vocabLength,
    counts: sequences * vocabLength,
    recent: sequences * maxRecent,
    masks: rows * maskWords(vocabLength),
  };
}

/** Words of what a plan computes between logits and ids. */
export function samplingPlanWords(vocabLength: number, rows: number) {
  const blocks = rows * drawBlocks(vocabLength);
  return { candidates: rows * paddedLength(vocabLength), 'best scores': blocks, 'best ids': blocks, ids: rows };
}
