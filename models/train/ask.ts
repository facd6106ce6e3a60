/**
 * A sample of the held-out questions, asked of the built-in model through webgguf itself; in a checkout:
 *
 *   node -C webgguf-source models/train/ask.ts [every N-th, 10] [precision, fast]
 *
 * Prints what was answered wrong, how many were right and how many turns ended by themselves.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatMessage, load } from 'webgguf/node';

interface Question {
  readonly messages: readonly ChatMessage[];
  readonly answer: string;
  /** Any answer that has all of these is right. */
  readonly contains?: readonly string[];
}

const models = join(import.meta.dirname, '..');
const [every = '10', precision = 'fast'] = process.argv.slice(2);
const questions: Question[] = readFileSync(join(models, 'heldout.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

await using llm = await load(join(models, 'pocket-q8_0.gguf'), { precision: precision === 'exact' ? 'exact' : 'fast' });
const sample = questions.filter((_, index) => index % Number(every) === 0);
let right = 0;
let ended = 0;
for (const question of sample) {
  let said = '';
  const answer = llm.chat(question.messages, { temperature: 0, maxTokens: 120 });
  let next = await answer.next();
  for (; !next.done; next = await answer.next()) said += next.value.text;
  if (next.value.stopReason === 'eos') ended++;
  if (question.contains ? question.contains.every((part) => said.includes(part)) : said === question.answer) right++;
  else console.log(`${JSON.stringify(question.messages.at(-1)?.content)} → ${said}, not ${question.answer}`);
}
console.log(`${right} of ${sample.length} right, ${ended} turns ended, ${precision}, ${llm.info.adapter}`);
