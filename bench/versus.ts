/**
 * webgguf and llama.cpp's Vulkan backend in turns on this machine's Vulkan device, the same model and prompt:
 *
 *   node bench/versus.ts [--shape 57M | --model FILE.gguf] [--prompt 128] [--decode 32] [--rounds 5]
 *
 * Medians over the rounds, and their ratio. `npm install` in bench/peers first. Noise is shared only roughly: trust
 * ratios, and those of quiet machines.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { probeAdapter } from '../src/cli/setup/probe.ts';
import { promptTokens } from './prompt_tokens.ts';
import { shapeNamed } from './shapes.ts';
import { writeModel } from './synth.ts';

/** In tokens a second. */
interface Rates {
  readonly prefill: number;
  readonly decode: number;
}

interface Engine {
  readonly name: string;
  run(): Promise<Rates>;
  stop(): void;
}

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string', default: '57M' },
    model: { type: 'string' },
    prompt: { type: 'string', default: '128' },
    decode: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
  },
});

const root = fileURLToPath(new URL('..', import.meta.url));
// Without it, the Vulkan loader complains on stderr.
const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp' };

try {
  await versus();
} catch (error) {
  console.error(`versus: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function versus(): Promise<void> {
  const model = options.model ?? (await cachedModel(options.shape));
  const ours = await openOurs(model);
  const peer = await openPeer(model);
  try {
    await report(model, ours, peer);
  } finally {
    peer.stop();
  }
}

async function report(model: string, ours: Engine, peer: Engine): Promise<void> {
  const rates = new Map<Engine, Rates[]>([
    [ours, []],
    [peer, []],
  ]);
  for (let round = 0; round < Number(options.rounds); round++) {
    // Who goes first changes from round to round, so that what the machine drifts by hits both.
    for (const engine of round % 2 === 0 ? [ours, peer] : [peer, ours]) rates.get(engine)!.push(await engine.run());
  }
  console.log(`${model}, ${cpus().length} × ${cpus()[0]?.model}, medians of ${options.rounds} rounds, tok/s`);
  for (const engine of [ours, peer]) {
    const line = [`prefill ${options.prompt}`, median(rates.get(engine)!, 'prefill').toFixed(1)];
    line.push(`decode ${options.decode}`, median(rates.get(engine)!, 'decode').toFixed(1));
    console.log(`  ${engine.name}: ${line.join(' ')}`);
  }
  const ratio = (phase: keyof Rates) => median(rates.get(ours)!, phase) / median(rates.get(peer)!, phase);
  console.log(`  ratio: prefill ${ratio('prefill').toFixed(2)} decode ${ratio('decode').toFixed(2)}`);
}

async function cachedModel(shape: string): Promise<string> {
  const path = `${root}.cache/bench/${shape}.gguf`;
  mkdirSync(`${root}.cache/bench`, { recursive: true });
  if (!existsSync(path)) await writeModel(shapeNamed(shape), shape, path);
  return path;
}

/** A process per run, as people start it: its own figures leave out loading. */
async function openOurs(model: string): Promise<Engine> {
  const probe = await probeAdapter();
  if ('problem' in probe) throw new Error(`${probe.problem}; npm run setup installs a software adapter`);
  const tokens = promptTokens(Number(options.prompt)).join(',');
  const args = ['generate', '-m', model, '--tokens', tokens, '-n', String(Number(options.decode) + 1)];
  const command = [`${root}src/cli/main.ts`, ...args, '--temperature', '0', '--json', '--quiet'];
  const run = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, command, { env, maxBuffer: 2 ** 26 });
    const { prefill, decode } = JSON.parse(stdout).stats;
    return { prefill: prefill.tokensPerSecond, decode: decode.tokensPerSecond };
  };
  return { name: `webgguf on ${probe.adapter}`, run, stop: () => {} };
}

/** One process, since llama.cpp compiles for minutes on a software adapter; a line on its stdin starts a run. */
async function openPeer(model: string): Promise<Engine> {
  const args = ['--prompt', options.prompt, '--decode', options.decode, '--runs', options.rounds, '--paced'];
  const child: ChildProcess = spawn(process.execPath, [`${root}bench/peers/run.mjs`, model, ...args], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the peer ended; its message is above');
    return JSON.parse(value);
  };
  const { engine, device } = await nextLine();
  const run = (): Promise<Rates> => {
    child.stdin!.write('\n');
    return nextLine();
  };
  return { name: `${engine} on ${device}`, run, stop: () => child.kill() };
}

function median(rates: readonly Rates[], phase: keyof Rates): number {
  const sorted = rates.map((each) => each[phase]).toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
