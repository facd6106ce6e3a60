/**
 * The long run: `node test/gguf/fuzz/main.ts [--count 20000] [--seed 1]`. A finding is written to a file that
 * `inspect` takes, and belongs into fuzz.test.ts.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FuzzFinding, fuzz } from './fuzz.ts';
import { makeSeeds } from './seeds.ts';

const MAX_RSS_BYTES = 500e6;

const { values } = parseArgs({
  options: { count: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];

try {
  const start = performance.now();
  const { outcomes, slowestMs } = await fuzz(await makeSeeds(), count, seed);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const maxRssBytes = process.resourceUsage().maxRSS * 1024;
  const ends = [...outcomes].sort(([, a], [, b]) => b - a);
  for (const [outcome, times] of ends) console.log(`${String(times).padStart(6)}  ${outcome.slice(0, 150)}`);
  console.log(
    `${count} mutations of seed ${seed} in ${seconds} s: ${outcomes.size} ends, the slowest took ${Math.round(slowestMs)} ms, largest memory ${Math.round(maxRssBytes / 1e6)} MB`,
  );
  if (maxRssBytes > MAX_RSS_BYTES) throw new Error(`the run took more than ${MAX_RSS_BYTES / 1e6} MB`);
} catch (error) {
  console.error((error as Error).message);
  if (error instanceof FuzzFinding) {
    const path = join(tmpdir(), `webgguf-fuzz-${seed}.gguf`);
    writeFileSync(path, error.input.header);
    console.error(`its header: ${path} (of ${error.input.byteLength} bytes)`);
  }
  process.exitCode = 1;
}
