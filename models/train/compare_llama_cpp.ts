/**
 * The held-out questions, asked greedily of webgguf and of llama.cpp, in a checkout (`npm install` in bench/peers first):
 *
 *   node -C webgguf-source models/train/compare_llama_cpp.ts [every N-th, 5] [precision, fast]
 *
 * Compares the tokens of every prompt; of every N-th question also the answers. Where those differ it prints the first
 * token that does, and by how much llama.cpp preferred its own. Exits with 1 where a prompt differs, or an answer whose
 * gap is not small.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatMessage, type LLM, load } from 'webgguf/node';
import { getLlama, LlamaLogLevel } from '../../bench/peers/node_modules/node-llama-cpp/dist/index.js';

interface Question {
  readonly kind: string;
  readonly language: string;
  readonly messages: readonly ChatMessage[];
  readonly answer: string;
  readonly contains?: readonly string[];
}

/** Logits, which are some 10 apart where the model is sure: rounding, not another sum, may decide below this. */
const smallGap = 0.5;
const maxTokens = 120;
const contextSize = 2048;

const models = join(import.meta.dirname, '..');
const modelPath = join(models, 'pocket-q8_0.gguf');
const [every = '5', precision = 'fast'] = process.argv.slice(2);
const questions: Question[] = readFileSync(join(models, 'heldout.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const llama = await getLlama({ gpu: 'vulkan', build: 'never', logLevel: LlamaLogLevel.error });
const peer = await llama.loadModel({ modelPath, gpuLayers: 0 });
const sequence = (await peer.createContext({ contextSize })).getSequence();
await using llm = await load(modelPath, { precision: precision === 'exact' ? 'exact' : 'fast' });

const otherPrompts = questions.filter(({ messages }) => String(prompt(messages)) !== String(peerPrompt(messages)));
console.log(`${questions.length - otherPrompts.length} of ${questions.length} prompts have the same tokens`);
for (const { messages } of otherPrompts) console.log(`  other tokens: ${JSON.stringify(messages.at(-1)?.content)}`);

let same = 0;
let large = 0;
const score = { webgguf: 0, 'llama.cpp': 0 };
const sample = questions.filter((_, index) => index % Number(every) === 0);
for (const question of sample) {
  const tokens = prompt(question.messages);
  const [mine, theirs] = [await answer(llm, tokens), await peerAnswer(tokens)];
  if (isRight(question, mine)) score.webgguf++;
  if (isRight(question, theirs.tokens)) score['llama.cpp']++;
  const at = theirs.tokens.findIndex((token, i) => token !== mine[i]);
  if (at < 0 && mine.length === theirs.tokens.length) {
    same++;
    continue;
  }
  const gap = theirs.gaps[at < 0 ? theirs.tokens.length : at]!;
  if (gap > smallGap) large++;
  const said = [mine, theirs.tokens].map((ids) => JSON.stringify(llm.tokenizer.decode(ids)));
  console.log(`  ${question.kind} ${question.language}: ${said.join(' but llama.cpp ')}, by ${gap.toFixed(3)}`);
}
console.log(`${same} of ${sample.length} answers are the same, ${large} differ by more than ${smallGap}`);
console.log(
  `right: webgguf ${score.webgguf} (${precision}, ${llm.info.adapter}), llama.cpp ${score['llama.cpp']} (CPU)`,
);
console.log(`llama.cpp ${llama.llamaCppRelease.release}`);
process.exit(otherPrompts.length + large > 0 ? 1 : 0);

function prompt(messages: readonly ChatMessage[]): number[] {
  return llm.chatTokens(messages) as number[];
}

/** ChatML by llama.cpp's own tokenizer. */
function peerPrompt(messages: readonly ChatMessage[]): number[] {
  const turns = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`);
  return [1, ...peer.tokenize(`${turns.join('')}<|im_start|>assistant\n`, true)];
}

async function answer(of: LLM, tokens: readonly number[]): Promise<number[]> {
  const said: number[] = [];
  for await (const { id } of of.generate(tokens, { temperature: 0, maxTokens })) said.push(id);
  return said;
}

/** The likeliest tokens up to the end of the turn, and how far the second best of each was behind; the end's comes last. */
async function peerAnswer(prompt: readonly number[]): Promise<{ tokens: number[]; gaps: number[] }> {
  const tokens: number[] = [];
  const gaps: number[] = [];
  await sequence.clearHistory();
  let input = [...prompt];
  while (tokens.length < maxTokens) {
    const last = input.pop()!;
    const outputs = await sequence.controlledEvaluate([
      ...input,
      [last, { generateNext: { logits: { filter: { tokens: [], includeTop: 2 } } } }],
    ] as never);
    const [[best, bestLogit], [, second]] = [...outputs.at(-1)!.next.logits!] as [[number, number], [number, number]];
    gaps.push(bestLogit - second);
    if (peer.isEogToken(best as never)) break;
    tokens.push(best);
    input = [best];
  }
  return { tokens, gaps };
}

function isRight(question: Question, tokens: readonly number[]): boolean {
  const said = llm.tokenizer.decode(tokens) as string;
  return question.contains?.every((part) => said.includes(part)) ?? said === question.answer;
}
