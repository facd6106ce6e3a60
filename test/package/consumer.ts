/** What a TypeScript project writes against the package; types.test.ts compiles it there. */
import {
  type ByteSource,
  type ChatMessage,
  type Device,
  DeviceLostError,
  type GenerateOptions,
  type GenerateResult,
  GgufError,
  type LLM,
  type LoadOptions,
  OutOfMemoryError,
  type Token,
} from 'webgguf';
import { load as loadInPage } from 'webgguf/browser';
import { load as loadInDeno } from 'webgguf/deno';
import { load } from 'webgguf/node';
import { load as loadInWorker } from 'webgguf/worker';

const options: LoadOptions = { precision: 'exact', contextLength: 512, onProgress: ({ doneBytes }) => doneBytes };
const sampling: GenerateOptions = { maxTokens: 8, temperature: 0, stop: ['\n'], signal: AbortSignal.timeout(1000) };
const messages: ChatMessage[] = [{ role: 'user', content: 'What is deep learning?' }];

// @ts-expect-error: there is no such precision
options.precision = 'fastest';
// @ts-expect-error: nor a source that is a number
load(1);

export async function use(source: string | URL | Blob | Uint8Array | ByteSource): Promise<number> {
  await using llm: LLM = await load(source, options);
  const told: GenerateResult = await tell(llm.generate([1, 2, 3], sampling));
  for await (const { text } of llm.chat(messages)) text.trim();
  const ids: number[] = await llm.tokenizer.encode('Once upon a time');
  const logits: Float32Array = await llm.logits(ids);
  return logits.length + told.decode.tokensPerSecond + llm.info.contextLength;
}

async function tell(tokens: AsyncGenerator<Token, GenerateResult>): Promise<GenerateResult> {
  for (;;) {
    const { done, value } = await tokens.next();
    if (done) return value;
    const token: { id: number; text: string } = value;
    token.text.trim();
  }
}

export function advice(error: unknown): string | undefined {
  if (error instanceof OutOfMemoryError) return 'a smaller model';
  if (error instanceof DeviceLostError) return 'load again';
  return error instanceof GgufError ? error.message : undefined;
}

/** One `LLM`, wherever it runs. */
export const homes: readonly ((source: string) => Promise<LLM>)[] = [load, loadInDeno, loadInPage, loadInWorker];

/** The GPU may be the caller's own. */
export const withDevice = (device: Device): LoadOptions => ({ device, deviceOptions: { adapter: device.info.vendor } });
