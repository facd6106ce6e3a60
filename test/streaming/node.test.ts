/** What only large files show: the full shape cut to four layers, and 2 GB under any budget. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MemoryError } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { node } from '../homes/command.ts';
import { largeModel } from './large_model.ts';

const GiB = 2 ** 30;
const prompt = [1, 1000, 2000, 3000, 4000, 5000, 6000, 7000];

/** Runs `webgguf` and watches its memory: what it wrote, and the most that it had resident, in bytes. */
async function watched(...args: string[]): Promise<{ stdout: string; mostBytes: number }> {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let [stdout, mostBytes] = ['', 0];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  const watching = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    mostBytes = Math.max(mostBytes, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
  }, 200);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watching);
  expect(code).toBe(0);
  return { stdout, mostBytes };
}

test('ALIA’s shape, cut to four layers, through 3 GiB', async () => {
  await using model = await largeModel('alia-4l', '--shape', 'alia-40b', '--layers', '4');
  const command = ['generate', '-m', model.path, '--tokens', prompt.join(), '-n', '3', '--temperature', '0', '--json'];
  const { stdout, mostBytes } = await watched(...command, '--gpu-memory', '3GiB', '--context', '512', '--quiet');
  const { generated_tokens, stats } = JSON.parse(stdout);
  console.log(`${(mostBytes / GiB).toFixed(2)} GiB resident at most`, stats.streaming);
  expect(generated_tokens).toHaveLength(3);
  expect(stats.streaming.streamedLayers).toBeGreaterThan(0);
  expect(mostBytes).toBeLessThan(6 * GiB);
});

test('2 GB under any budget: bit-equal logits', async () => {
  await using model = await largeModel('2b', '--shape', '2b');
  const options = { contextLength: 512, chunkLength: 16 };
  const refusal = await load(model.path, { ...options, gpuMemoryBytes: 1 }).catch((error) => error);
  const least = (refusal as MemoryError).leastBytes as number;
  let whole: Buffer | undefined;
  for (const gpuMemoryBytes of [3 * GiB, 1.5 * GiB, GiB, 0.5 * GiB, least]) {
    await using llm = await load(model.path, { ...options, gpuMemoryBytes });
    const logits = Buffer.from((await llm.logits(prompt)).buffer);
    whole ??= logits;
    expect(logits.equals(whole), `${gpuMemoryBytes} bytes`).toBe(true);
    console.log(`${(gpuMemoryBytes / GiB).toFixed(2)} GiB: ${llm.info.residentLayers} layers resident`);
  }
});

test('2 GB with nothing resident: at least 0.8 of what its stages allow', async () => {
  await using model = await largeModel('2b', '--shape', '2b');
  const report = JSON.parse(await node('bench/stream.ts', model.path, '--json'));
  console.log(report);
  expect(report.residentLayers).toBe(0);
  expect(report.ofSum).toBeGreaterThan(0.8);
});
