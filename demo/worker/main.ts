/** The page's worker: files, storage, GPU and model live here. What few people look at is fetched when they do. */
import type { LocalLLM, TokenLogprob } from '../../src/index.ts';
import { load } from '../../src/runtime/browser.ts';
import type { HomeDeviceOptions } from '../../src/runtime/home.ts';
import type { Source } from '../../src/runtime/model_source.ts';
import type { Port, Reply, Request } from '../../src/worker/protocol.ts';
import { serve } from '../../src/worker/serve.ts';
import { type InspectOptions, inspect } from './inspection.ts';

export interface ScoredToken {
  readonly id: number;
  readonly text: string;
  readonly logprob: number;
  readonly top: readonly TokenLogprob[];
}

const pieceOf = ({ tokenizer }: LocalLLM, id: number) => tokenizer.decode([id], { special: true, continuation: true });

serve<LocalLLM>(self as unknown as Port<Reply, Request>, load, {
  inspect: (_, source: Source, options: InspectOptions) => inspect(source, options),
  pieces: (llm, ids: number[]) => ids.map((id) => ({ id, text: pieceOf(llm, id) })),
  scores,
  async profile(llm, deviceOptions: HomeDeviceOptions) {
    const { profile } = await import('./kernel_shares.ts');
    return profile(llm, deviceOptions);
  },
  async *selfTest(_, pocket: Uint8Array<ArrayBuffer>, options) {
    const { selfTest } = await import('./self_test.ts');
    yield* selfTest(pocket, options);
  },
});

/** How likely each token behind `from` was, and what else might have stood there. */
async function scores(llm: LocalLLM, tokens: number[], options: { from: number; top: number }): Promise<ScoredToken[]> {
  const scored: ScoredToken[] = [];
  for await (const some of llm.scores(tokens, { from: options.from, top: options.top })) {
    for (const { logprob, top } of some) {
      const id = tokens[options.from + 1 + scored.length];
      if (id === undefined) return scored;
      const named = top.map((each) => ({ ...each, text: pieceOf(llm, each.id) }));
      scored.push({ id, text: pieceOf(llm, id), logprob, top: named });
    }
  }
  return scored;
}
