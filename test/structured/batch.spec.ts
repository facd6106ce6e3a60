/** A batch of 1,000 requests whose process is killed five times ends with 1,000 right lines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Random } from '../../kernels/case_data.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');
const count = 1000;

test('killed five times at random', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'webgguf-batch-'));
  const [input, output] = [join(folder, 'in.jsonl'), join(folder, 'out.jsonl')];
  const requests = Array.from({ length: count }, (_, i) => ({
    custom_id: `request-${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      messages: [{ role: 'user', content: `Say the number ${i}.` }],
      max_tokens: 200,
      seed: i,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'echo',
          schema: { type: 'object', properties: { number: { const: i } }, required: ['number'] },
        },
      },
    },
  }));
  writeFileSync(input, requests.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const lineCount = () => (existsSync(output) ? readFileSync(output, 'utf8').split('\n').length - 1 : 0);
  const start = () =>
    spawn(process.execPath, [main, 'batch', input, output, '--context', '8192'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });

  const random = new Random(Date.now() % 1000);
  const kills: number[] = [];
  while (kills.length < 5) {
    const before = lineCount();
    const child = start();
    const exited = once(child, 'exit');
    const goal = before + 20 + random.below(120);
    while (lineCount() < goal && child.exitCode === null) await setTimeout(20);
    child.kill('SIGKILL');
    await exited;
    kills.push(lineCount());
  }
  expect(kills.at(-1)).toBeLessThan(count);
  const [code] = await once(start(), 'exit');
  expect(code).toBe(0);
  const lines = readFileSync(output, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  console.log(`killed with ${kills.join(', ')} lines, ended with ${lines.length}`);
  expect(new Set(lines.map(({ custom_id }) => custom_id)).size).toBe(count);
  expect(lines).toHaveLength(count);
  for (const { custom_id, response } of lines) {
    expect(response.status_code).toBe(200);
    const { number } = JSON.parse(response.body.choices[0].message.content);
    expect(`request-${number}`).toBe(custom_id);
  }
  rmSync(folder, { recursive: true });
});
