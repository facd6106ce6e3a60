import { parseArgs } from 'node:util';
import { Service } from '../server/index.ts';
import { AnswerFile } from './batch/answers.ts';
import { requestIds } from './batch/requests.ts';
import { type BatchProgress, runBatch } from './batch/run.ts';
import { requireBuiltinModel } from './builtin_model.ts';
import { runCommand, UsageError } from './command.ts';
import { loadModel, modelArgs, modelUsage } from './model_options.ts';
import { wholeNumber } from './option_values.ts';
import { formatSeconds, StatusLine } from './progress.ts';

const usage = `usage: webgguf batch [-m MODEL] IN.jsonl OUT.jsonl [options]

Answers a file of requests in OpenAI's batch format: a line each, with custom_id, url and body. Answers are added to
OUT.jsonl as they come, whatever their order. Whatever stops it, the same command goes on with what is left.

  --parallel N           requests that are answered at once, and share the context (default 64)
${modelUsage}`;

const defaultParallel = 64;

export async function run(args: string[], signal = new AbortController().signal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values, positionals } = parseArgs({
      args,
      options: { ...modelArgs, parallel: { type: 'string' } },
      allowPositionals: true,
    });
    const [input, output, ...others] = positionals;
    if (input === undefined || output === undefined || others.length > 0)
      throw new UsageError('name two files: IN.jsonl OUT.jsonl');
    const sequences = wholeNumber('--parallel', values.parallel) ?? defaultParallel;
    const ids = await requestIds(input);
    await using answers = await AnswerFile.open(output, ids);
    const before = answers.done.size;
    if (before > 0 && !values.quiet) console.error(`${before} of ${ids.size} are answered already`);
    if (before === ids.size) return;
    await using llm = await loadModel({ ...values, model: values.model ?? requireBuiltinModel() }, signal, {
      sequences,
    });
    const service = new Service({ queueLength: Number.POSITIVE_INFINITY, maxBodyBytes: Number.POSITIVE_INFINITY });
    service.ready(llm);
    const status = new StatusLine();
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    const done = await runBatch(service, input, answers, ids.size, signal, (progress) => {
      if (!values.quiet) status.update(() => formatProgress(progress, seconds()));
    });
    status.end();
    if (!values.quiet) console.error(formatProgress(done, seconds()));
    if (signal.aborted)
      throw new Error(`stopped with ${done.total - done.done} requests left; the same command goes on`);
  });
}

/** `120 of 1000 answered, 2 refused, 310.5 tok/s, 3 min left`. */
export function formatProgress({ total, done, answered, failed, tokens }: BatchProgress, seconds: number): string {
  const left = total - done;
  return [
    `${done} of ${total} answered`,
    ...(failed > 0 ? [`${failed} refused`] : []),
    `${(tokens / seconds).toFixed(1)} tok/s`,
    left > 0 && answered > 0 ? `${formatSeconds((seconds * left) / answered)} left` : `in ${formatSeconds(seconds)}`,
  ].join(', ');
}
