/** A page that streams 2 GB through 512 MB: of a chosen file and of a link, with the tokens that Node gives. */
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { ElementHandle } from 'puppeteer';
import { expect, test } from 'vitest';
import type { StreamingStats } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { openChromium } from '../homes/chromium.ts';
import { largeModel } from './large_model.ts';

const MB = 1e6;
const prompt = [1, 1000, 2000, 3000, 4000, 5000, 6000, 7000];
// Under `fast` an activation may round to either of two int8 where adapters differ, and random weights tell all tokens alike.
const options = { contextLength: 512, gpuMemoryBytes: 512 * MB, precision: 'exact' } as const;
const maxTokens = 3;

test('2 GB in a page, within 512 MB', async () => {
  await using model = await largeModel('2b', '--shape', '2b');
  const expected: number[] = [];
  {
    await using llm = await load(model.path, options);
    for await (const { id } of llm.generate(prompt, { maxTokens, temperature: 0 })) expected.push(id);
  }
  await using chromium = await openChromium(dirname(model.path));
  const { page, until } = await chromium.open('test/streaming/page.html');
  await until('window.isReady');
  const input = (await page.$('input')) as ElementHandle<HTMLInputElement>;
  await input.uploadFile(model.path);
  const session = await page.browser().target().createCDPSession();

  for (const link of [undefined, `/${basename(model.path)}`]) {
    const call = `stream(${JSON.stringify(link ?? null)}, ${JSON.stringify(prompt)}, ${maxTokens}, ${JSON.stringify(options)})`;
    const got = (await page.evaluate(call)) as { ids: number[]; streaming: StreamingStats };
    const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as Processes;
    const most = await Promise.all(processInfo.map(async ({ type, id }) => [type, await mostResident(id)] as const));
    console.log(
      link ?? 'file',
      got.streaming,
      most.map(([type, bytes]) => `${type} ${Math.round(bytes / MB)} MB`).join(', '),
    );
    expect(got.ids).toEqual(expected);
    expect(got.streaming.streamedLayers).toBeGreaterThan(0);
    for (const [type, bytes] of most) if (type === 'renderer') expect(bytes).toBeLessThan(1500 * MB);
  }
});

interface Processes {
  readonly processInfo: readonly { readonly type: string; readonly id: number }[];
}

/** The most memory that a process ever had resident, in bytes. */
async function mostResident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
