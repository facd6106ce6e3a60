import { load } from '../../src/runtime/node.ts';
import { continuations, type GreedyCase } from '../conformance/greedy.ts';
import { greedyCases } from '../fixtures/greedy_cases.ts';
import { sharedData } from '../fixtures/shared_data.ts';

/** Files for which llama.cpp's answers are not recorded, or not to be had with f32 activations: Node's are. */
const files = ['stories260K-q8_0-ffndownf16', 'alia-shape-2l-q8_0'];

/** The real models, and what every home must say after the same prompts. */
export async function realModels(): Promise<(GreedyCase & { readonly source: string })[]> {
  const others = files.map((file) => ({
    source: sharedData(`models/${file}.gguf`),
    prompts: [[1, 403, 407, 261, 378]],
    expected: [new Array<number>(32)],
  }));
  const answers = await continuations(load, others);
  return [...(await greedyCases()), ...others.map((each, i) => ({ ...each, expected: answers[i]! }))];
}
