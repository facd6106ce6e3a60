/** The lines of a batch's output: each is written whole, at once, so that whatever ends the process leaves whole lines. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** An answer, as OpenAI's batches have it. */
export interface BatchAnswer {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export class AnswerFile implements AsyncDisposable {
  readonly #file: FileHandle;
  #last: Promise<unknown> = Promise.resolve();
  /** Ids of requests that are answered. */
  readonly done: Set<string>;

  private constructor(file: FileHandle, done: Set<string>) {
    this.#file = file;
    this.done = done;
  }

  /**
   * Opens a file that answers are added to. A last line that was cut off is taken away. Throws where it has other lines
   * than answers to `ids`.
   */
  static async open(path: string, ids: ReadonlySet<string>): Promise<AnswerFile> {
    const file = await open(path, 'a+');
    try {
      const { done, length } = await readAnswers(path, ids);
      await file.truncate(length);
      return new AnswerFile(file, done);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds an answer: one write of one line, after those before it. */
  add(answer: BatchAnswer): Promise<void> {
    const written = this.#last.then(async () => {
      await this.#file.appendFile(`${JSON.stringify(answer)}\n`);
      this.done.add(answer.custom_id);
    });
    this.#last = written.catch(() => undefined);
    return written;
  }

  /** What was added is on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#file.datasync();
    await this.#file.close();
  }
}

/** Ids of the whole lines, and the bytes that they take. */
async function readAnswers(path: string, ids: ReadonlySet<string>): Promise<{ done: Set<string>; length: number }> {
  const done = new Set<string>();
  let length = 0;
  let line = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, part]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const id = idOf(rest.subarray(0, end).toString());
      line++;
      if (id === undefined || !ids.has(id))
        throw new Error(`${path} line ${line} is no answer to this batch: name another file`);
      if (done.has(id))
        throw new Error(`${path} line ${line} answers ${JSON.stringify(id)} once more: name another file`);
      done.add(id);
      length += end + 1;
      rest = rest.subarray(end + 1);
    }
  }
  return { done, length };
}

function idOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as BatchAnswer).custom_id;
  } catch {
    return undefined;
  }
}
