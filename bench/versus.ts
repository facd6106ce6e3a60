/**
 * webgguf and its peers in turns on this machine, the same model, the same tokens:
 *
 *   node bench/versus.ts [--shape 57M | --model FILE.gguf] [--tests tg32,pp512] [--rounds 5] [--json]
 *                        [--peers vulkan,cpu]                  llama.cpp's backends, through node-llama-cpp
 *                        [--in chromium --peers node,wllama]   webgguf in Chromium beside itself in Node on the same
 *                                                              SwiftShader, and beside wllama
 *
 * Tests are llama-bench's: pp512 takes in 512 tokens, tg32 generates 32 after one; tg32@4096 does so at that depth.
 * Engines stay loaded and have run a test before its first round. Rounds go A B A B: each has a ratio of two runs side by
 * side, and the median of these ratios counts. `npm install` in bench/peers first; trust quiet machines alone.
 */
import { parseArgs } from 'node:util';
import { contextFor, parseTests } from '../src/bench/tests.ts';
import { cachedModel } from './cached_model.ts';
import { type Comparison, compare, openOurs, peers } from './compare.ts';
import type { Engine } from './engine.ts';
import { machineName } from './machine.ts';

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
      in: { type: 'string', default: 'node' },
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
  const precision = values.precision as 'fast' | 'exact';
  const options = { precision, contextLength };
  const ours = await openOurs(values.in, model, options);
  const compareAll = async (ours: Engine, peer: Engine) => {
    if (!values.json) console.log(`and ${peer.name}`);
    try {
      const all: Comparison[] = [];
      for (const test of tests) {
        all.push(await compare(ours, peer, test, Number(values.rounds)));
        if (!values.json) console.log(describe(all.at(-1)!));
      }
      return all;
    } finally {
      await peer.close();
    }
  };
  const comparisons: Comparison[] = [];
  try {
    if (!values.json) console.log(`${model}, ${machineName()}; medians of ${values.rounds} rounds\n${ours.name}`);
    for (const open of opened) comparisons.push(...(await compareAll(ours, await open(model, contextLength))));
  } finally {
    await ours.close();
  }
  if (values.json) console.log(JSON.stringify({ model, machine: machineName(), engine: ours.name, comparisons }));
}

try {
  await main();
} catch (error) {
  console.error(`versus: ${(error as Error).message}`);
  process.exitCode = 1;
}
