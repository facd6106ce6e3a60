/** Runs the LM Evaluation Harness on tasks of this folder. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedData } from '../../fixtures/shared_data.ts';
import { runPython } from './python.ts';

export const languages = ['es', 'ca', 'eu', 'gl', 'en'] as const;

export interface Sample {
  readonly doc_id: number;
  readonly filtered_resps: readonly unknown[];
  readonly [key: string]: unknown;
}

export interface Outcome {
  /** Metrics by task, such as `acc,none`. */
  readonly results: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** The tasks, their data's places filled in: shared data, and files of `folder`. */
export async function writeTasks(folder: string): Promise<string> {
  const source = join(import.meta.dirname, 'tasks');
  const target = join(folder, 'tasks');
  await mkdir(target);
  for (const name of await readdir(source)) {
    if (!name.endsWith('.yaml')) {
      await cp(join(source, name), join(target, name));
      continue;
    }
    const text = (await readFile(join(source, name), 'utf8'))
      .replaceAll('$DATA/', sharedData(''))
      .replaceAll('$FOLDER', folder);
    const copies = text.includes('$LANGUAGE') ? languages : ['all'];
    for (const language of copies) {
      await writeFile(join(target, `${language}_${name}`), text.replaceAll('$LANGUAGE', language));
    }
  }
  return target;
}

/** One call of `lm_eval`, whose results and samples are read back. */
export async function lmEval(
  folder: string,
  model: string,
  modelArgs: Readonly<Record<string, string | number | boolean>>,
  tasks: readonly string[],
  ...more: readonly string[]
): Promise<Outcome> {
  const output = join(folder, `out_${crypto.randomUUID()}`);
  const given = Object.entries(modelArgs).map(([key, value]) => `${key}=${value}`);
  await runPython(
    'lm_eval',
    [
      ...['--model', model, '--model_args', given.join(','), '--tasks', tasks.join(',')],
      ...['--include_path', join(folder, 'tasks'), '--output_path', output, '--log_samples', ...more],
    ],
    { HF_HOME: join(folder, 'hf') },
  );
  return readOutcome(output);
}

async function readOutcome(output: string): Promise<Outcome> {
  const files = (await readdir(output, { recursive: true })).map((name) => join(output, name));
  const results = JSON.parse(await readFile(files.find((name) => /results_.*\.json$/.test(name))!, 'utf8')).results;
  const samples: Record<string, Sample[]> = {};
  for (const name of files) {
    const [, task] = /samples_(.+)_\d{4}-.*\.jsonl$/.exec(name) ?? [];
    if (!task) continue;
    const lines = (await readFile(name, 'utf8')).trim().split('\n');
    samples[task] = lines.map((line) => JSON.parse(line) as Sample).sort((a, b) => a.doc_id - b.doc_id);
  }
  return { results, samples };
}
