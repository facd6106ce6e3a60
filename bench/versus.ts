/**
 * webgguf and its peers in turns on this machine, the same model, the same tokens:
 *
 *   node bench/versus.ts [--shape 57M | --model FILE.gguf] [--tests tg32,pp512] [--peers vulkan,cpu] [--rounds 5] [--json]
 *
 * Tests are llama-bench's: pp512 takes in 512 tokens, tg32 generates 32 after one; tg32@4096 does so at that depth.
 * Engines stay loaded and have run a test before its first round. Rounds go A B A B: each has a ratio of two runs side by
 * side, and the median of these ratios counts. `npm install` in bench/peers first; trust quiet machines alone.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Spread, spreadOf } from '../src/bench/statistics.ts';
import { type BenchTest, contextFor, parseTests, rateOf, runOf } from '../src/bench/tests.ts';
import { cachedModel } from './cached_model.ts';
import { type Engine, spawnEngine } from './engine.ts';
import { machineName } from './machine.ts';

export interface Comparison {
  readonly test: string;
  readonly peer: string;
  /** Tokens a second. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Ours to theirs, of each round. */
  readonly ratio: Spread;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Who can be compared with, and how each is opened. */
const peers: Readonly<Record<string, (model: string, contextLength: number) => Promise<Engine>>> = {
  vulkan: (model, context) => spawnEngine(here('peers/llama.mjs'), [model, 'vulkan', String(context)]),
  cpu: (model, context) => spawnEngine(here('peers/llama.mjs'), [model, 'cpu', String(context)]),
};

/** Both engines in turns. */
async function compare(ours: Engine, peer: Engine, test: BenchTest, rounds: number): Promise<Comparison> {
  const rate = async (engine: Engine, turn: number) => rateOf(test, await engine.run(runOf(test, turn)));
  for (const engine of [ours, peer]) await rate(engine, 0);
  const rates: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
  for (let round = 1; round <= rounds; round++) {
    rates.ours.push(await rate(ours, round));
    rates.theirs.push(await rate(peer, round));
  }
  return {
    test: test.name,
    peer: peer.name,
    ours: spreadOf(rates.ours),
    theirs: spreadOf(rates.theirs),
    ratio: spreadOf(rates.ours.map((rate, i) => rate / rates.theirs[i]!)),
  };
}

function describe({ test, ours, theirs, ratio }: Comparison): string {
  const [our, their] = [ours, theirs].map(({ median }) => median.toPrecision(4));
  const [least, most] = [ratio.least, ratio.most].map((value) => value.toFixed(2));
  return `  ${test}: ${our} and ${their} tok/s, ratio ${ratio.median.toFixed(2)} (${least} to ${most})`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', default: '57M' },
      model: { type: 'string' },
      tests: { type: 'string', default: 'tg32,pp512' },
      peers: { type: 'string', default: 'vulkan' },
      precision: { type: 'string', default: 'fast' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean' },
    },
  });
  const tests = parseTests(values.tests);
  const opened = values.peers.split(',').map((name) => {
    if (!Object.hasOwn(peers, name)) throw new Error(`no peer "${name}"; there are ${Object.keys(peers).join(', ')}`);
    return peers[name]!;
  });
  const model = values.model ?? (await cachedModel(values.shape));
  const contextLength = contextFor(tests);
  const options = { precision: values.precision, contextLength };
  const ours = await spawnEngine(here('webgguf.ts'), [model, JSON.stringify(options)]);
  const comparisons: Comparison[] = [];
  if (!values.json) console.log(`${model}, ${machineName()}; medians of ${values.rounds} rounds\n${ours.name}`);
  for (const open of opened) {
    const peer = await open(model, contextLength);
    if (!values.json) console.log(`and ${peer.name}`);
    for (const test of tests) {
      const comparison = await compare(ours, peer, test, Number(values.rounds));
      comparisons.push(comparison);
      if (!values.json) console.log(describe(comparison));
    }
    await peer.close();
  }
  await ours.close();
  if (values.json) console.log(JSON.stringify({ model, machine: machineName(), engine: ours.name, comparisons }));
}

try {
  await main();
} catch (error) {
  console.error(`versus: ${(error as Error).message}`);
  process.exitCode = 1;
}
