import { parseArgs } from 'node:util';
import type {
  GenerateOptions,
  GenerateResult,
  GenerateStats,
  LocalLLM,
  PhaseStats,
  StreamingStats,
  Token,
} from '../index.ts';
import { print, runCommand } from './command.ts';
import { generateArgs, generateOptions, samplingUsage } from './generate_options.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';
import { promptArgs, readPrompt } from './prompt_options.ts';

const usage = `usage: webgguf generate -m MODEL [-p TEXT | -f FILE | --tokens 1,2,3] [-n 128] [options]

  -p TEXT                the prompt; BOS is added as the model's file says
  -f FILE                the prompt, from a file
  --tokens IDS           the prompt as token ids, nothing added
  -n N                   tokens to generate, at most (default 128)
${samplingUsage}
  --json                 one object instead of the text
${modelUsage}`;

export async function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...modelArgs,
        ...generateArgs,
        ...promptArgs,
        json: { type: 'boolean' },
      },
    });
    const prompt = await readPrompt(values);
    const options = generateOptions(values, signal);
    await using llm = await loadModel(values, signal);
    if (values.json) await generateJson(llm, prompt, options);
    else await printAnswer(llm, llm.generate(prompt, options), values.quiet ?? false);
  });
}

/** The text as it comes; speeds follow on stderr. */
export async function printAnswer(
  llm: LocalLLM,
  tokens: AsyncGenerator<Token, GenerateResult>,
  quiet: boolean,
): Promise<void> {
  for (;;) {
    const { value, done } = await tokens.next();
    if (!done) {
      await print(value.text);
      continue;
    }
    await print(`${value.textEnd}\n`);
    if (!quiet) console.error(`${formatSpeeds(value)}, on ${llm.info.adapter}`);
    if (!quiet && value.streaming) console.error(formatStreaming(value.streaming));
    return;
  }
}

/** `prompt 12 at 90.0 tok/s, then 40 at 30.1 tok/s, in 20 passes of 2.0 (20 of 26 guesses right)`. */
export function formatSpeeds({ prefill, decode, passes, tokensPerPass, ...guesses }: GenerateStats): string {
  const speed = ({ tokens, tokensPerSecond }: PhaseStats) => `${tokens} at ${formatSpeed(tokensPerSecond)}`;
  const { draftedTokens, acceptedTokens } = guesses;
  const ofGuesses = ` of ${tokensPerPass.toFixed(1)} (${acceptedTokens} of ${draftedTokens} guesses right)`;
  const inPasses = passes > 0 ? `, in ${passes} passes${draftedTokens > 0 ? ofGuesses : ''}` : '';
  return `prompt ${speed(prefill)}, then ${speed(decode)}${inPasses}`;
}

/** `30.1 tok/s`; where a token takes longer than that tells, `12.5 s a token`. */
function formatSpeed(tokensPerSecond: number): string {
  const isSlow = tokensPerSecond > 0 && tokensPerSecond < 0.5;
  return isSlow ? `${(1 / tokensPerSecond).toFixed(1)} s a token` : `${tokensPerSecond.toFixed(1)} tok/s`;
}

/** `5 of 48 layers resident; 34.5 GB per pass came at 2.9 GB/s, 0.97 of the link's 3.0 GB/s`. */
export function formatStreaming(stats: StreamingStats): string {
  const { residentLayers, streamedLayers, bytesPerPass, bytesPerSecond, linkBytesPerSecond, linkFraction } = stats;
  const [perPass, rate, link] = [bytesPerPass, bytesPerSecond, linkBytesPerSecond].map((n) => (n / 1e9).toPrecision(3));
  const layers = `${residentLayers} of ${residentLayers + streamedLayers} layers resident`;
  return `${layers}; ${perPass} GB per pass came at ${rate} GB/s, ${linkFraction.toFixed(2)} of the link's ${link} GB/s`;
}

async function generateJson(llm: LocalLLM, prompt: string | number[], options: GenerateOptions): Promise<void> {
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
