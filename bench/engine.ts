/** An engine that keeps its model loaded and compiled, and runs what it is told: in a process of its own, line by line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Run, Times } from '../src/bench/run.ts';

export interface Engine {
  /** What it is, and what it runs on. */
  readonly name: string;
  run(run: Run): Promise<Times>;
  close(): Promise<void>;
}

/** The engine that a script opens with these arguments; what it says on stderr is seen. */
export async function spawnEngine(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Engine> {
  const env = { XDG_RUNTIME_DIR: '/tmp', ...process.env, ...environment };
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script} ended; its message is above`);
    return JSON.parse(value);
  };
  const { name } = await answer();
  return {
    name,
    run(run) {
      child.stdin.write(`${JSON.stringify(run)}\n`);
      return answer();
    },
    async close() {
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}

/** The other side of `spawnEngine`: answers each line on stdin, until there are no more. */
export async function serveEngine(engine: Engine): Promise<void> {
  console.log(JSON.stringify({ name: engine.name }));
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await engine.run(JSON.parse(line))));
  }
  await engine.close();
}
