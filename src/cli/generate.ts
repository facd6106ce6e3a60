import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { GenerateOptions, LLM } from '../index.ts';
import { print, runCommand, UsageError } from './command.ts';
import { loadModel, modelArgs, modelUsage, parseTokens, wholeNumber } from './model_options.ts';

const usage = `usage: webgguf generate -m MODEL [-p TEXT | -f FILE | --tokens 1,2,3] [-n 128] [options]

  -p TEXT                the prompt; BOS is added as the model's file says
  -f FILE                the prompt, from a file
  --tokens IDS           the prompt as token ids, nothing added
  -n N                   tokens to generate, at most (default 128)
  --temperature X        0 is greedy (default 0.1)
  --seed N               the same seed, the same text
  --json                 one object instead of the text
${modelUsage}`;

export async function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...modelArgs,
        prompt: { type: 'string', short: 'p' },
        file: { type: 'string', short: 'f' },
        tokens: { type: 'string' },
        n: { type: 'string', short: 'n' },
        temperature: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    const prompt = await readPrompt(values);
    const options: GenerateOptions = {
      maxTokens: wholeNumber('-n', values.n) ?? 128,
      ...(values.temperature !== undefined && { temperature: parseTemperature(values.temperature) }),
      ...(values.seed !== undefined && { seed: parseSeed(values.seed) }),
      ...(signal && { signal }),
    };
    await using llm = await loadModel(values, signal);
    await (values.json
      ? generateJson(llm, prompt, options)
      : generateText(llm, prompt, options, values.quiet ?? false));
  });
}

/** The text as it comes; speeds follow on stderr. */
export async function generateText(
  llm: LLM,
  prompt: string | number[],
  options: GenerateOptions,
  quiet: boolean,
): Promise<void> {
  const tokens = llm.generate(prompt, options);
  for (;;) {
    const { value, done } = await tokens.next();
    if (!done) {
      await print(value.text);
      continue;
    }
    await print(`${value.textEnd}\n`);
    const { prefill, decode } = value;
    const speed = ({ tokens: count, tokensPerSecond }: typeof prefill) =>
      `${count} at ${tokensPerSecond.toFixed(1)} tok/s`;
    if (!quiet) console.error(`prompt ${speed(prefill)}, then ${speed(decode)}, on ${llm.info.adapter}`);
    return;
  }
}

async function generateJson(llm: LLM, prompt: string | number[], options: GenerateOptions): Promise<void> {
  const promptTokens = typeof prompt === 'string' ? llm.tokenizer.encode(prompt) : prompt;
  const generated: number[] = [];
  let text = '';
  const tokens = llm.generate(promptTokens, options);
  for (;;) {
    const { value, done } = await tokens.next();
    if (!done) {
      generated.push(value.id);
      text += value.text;
      continue;
    }
    const { stopReason, textEnd, ...stats } = value;
    const result = {
      prompt_tokens: promptTokens,
      generated_tokens: generated,
      text: text + textEnd,
      stop_reason: stopReason,
      stats: { ...stats, dispatchesPerToken: llm.dispatchesPerToken, adapter: llm.info.adapter },
    };
    return print(`${JSON.stringify(result)}\n`);
  }
}

interface PromptValues {
  prompt?: string;
  file?: string;
  tokens?: string;
}

export async function readPrompt({ prompt, file, tokens }: PromptValues): Promise<string | number[]> {
  if ([prompt, file, tokens].filter((value) => value !== undefined).length > 1) {
    throw new UsageError('give one prompt: -p, -f or --tokens');
  }
  if (tokens !== undefined) return parseTokens(tokens);
  if (file !== undefined) return readFile(file, 'utf8');
  return prompt ?? '';
}

function parseTemperature(text: string): number {
  const temperature = Number(text);
  if (text.trim() === '' || !(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`--temperature takes a number from 0 on, not ${JSON.stringify(text)}`);
  }
  return temperature;
}

function parseSeed(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--seed takes a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
