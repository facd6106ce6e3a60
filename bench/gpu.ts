/**
 * All that is to be known of a GPU, in one run of under ten minutes, without a network: `bench/gpu.sh` calls it.
 *
 *   node bench/gpu.ts [--out DIR] [--minutes 9] [--shape alia-40b] [--peer-layers 4] [--prompts 512,2048] [--depth 8192]
 *                     [--any-adapter]   also on a CPU's adapter, as a try-out
 *
 * The kernel suite first; then rooflines, each family of tiled matmuls on ALIA's matrices, and the whole of the shape's
 * model, whose 43 GB are made as they are loaded: each matvec, eight columns, attention at a depth, prefill by kernel, whole
 * prompts and decoding; llama.cpp's Vulkan backend on a model of fewer layers. gpu.json and gpu.md are written anew after
 * every section, so that a run cut short tells what it saw.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kernels } from '../kernels/index.ts';
import { type KernelRow, kernelTable } from '../src/bench/kernel_table.ts';
import { bestOf, measureRooflines, type RooflineResult } from '../src/bench/rooflines/index.ts';
import { timeRun } from '../src/bench/run.ts';
import { spreadOf } from '../src/bench/statistics.ts';
import { parseTests, rateOf, runOf } from '../src/bench/tests.ts';
import { CheckSession, checkKernel } from '../src/doctor/check_kernel.ts';
import { brokenVariants } from '../src/doctor/variants.ts';
import type { CheckResult } from '../src/gpu/check.ts';
import { adapterName, type Device } from '../src/gpu/device.ts';
import type { LocalLLM } from '../src/index.ts';
import { load, openNodeDevice } from '../src/runtime/node.ts';
import { type Comparison, compare, openOurs, peers } from './compare.ts';
import { benchFamilies, type FamilyBench } from './gpu_families.ts';
import { formatGpuReport } from './gpu_report.ts';
import { machineName } from './machine.ts';
import { type Shape, shapeNamed } from './shapes.ts';
import { writeModel } from './synth.ts';
import { syntheticSource } from './synthetic_source.ts';

/** A step by kernel. */
export interface StepProfile {
  readonly tokens: number;
  readonly depth: number;
  readonly milliseconds: number;
  readonly kernels: readonly KernelRow[];
}

/** What has been measured so far. */
export interface GpuReport {
  readonly machine: string;
  readonly adapter: string;
  readonly shape: string;
  readonly features: Device['features'];
  readonly limits: Device['limits'];
  suite?: { cases: number; failed: { name: string; variant: string; case: string; error: string }[] };
  rooflines?: RooflineResult[];
  families?: FamilyBench[];
  load?: { milliseconds: number; bytes: number; weightBytesPerToken: number; kvBytesPerPosition: number };
  /** One token, eight tokens, one token at a depth; then prompts. */
  profiles: StepProfile[];
  /** Tokens a second by test. */
  speeds: Record<string, number>;
  encodeMilliseconds?: number;
  dispatchesPerToken?: number;
  peers: { model: string; comparisons: Comparison[] }[];
  /** Sections that were left out or failed, and why. */
  notes: string[];
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: process.env.OUT ?? join(tmpdir(), 'webgguf-gpu') },
    minutes: { type: 'string', default: '9' },
    shape: { type: 'string', default: 'alia-40b' },
    'peer-layers': { type: 'string', default: '4' },
    prompts: { type: 'string', default: '512,2048' },
    depth: { type: 'string', default: '8192' },
    decode: { type: 'string', default: '32' },
    'any-adapter': { type: 'boolean', default: false },
  },
});
/** Drivers that compute on the CPU. */
const cpuAdapters = /llvmpipe|swiftshader|basic render/i;
const began = performance.now();
const secondsLeft = () => 60 * Number(values.minutes) - (performance.now() - began) / 1000;
const prompts = values.prompts.split(',').map(Number);
const depth = Number(values.depth);

try {
  await main();
} catch (error) {
  console.error(`gpu: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const shape = shapeNamed(values.shape);
  const device = await openNodeDevice();
  const adapter = adapterName(device.info);
  if (cpuAdapters.test(adapter) && !values['any-adapter']) {
    throw new Error(`${adapter} is a CPU; VK_DRIVER_FILES chooses the driver, --any-adapter measures it nevertheless`);
  }
  const { features, limits } = device;
  const report: GpuReport = {
    ...{ machine: machineName(), adapter, shape: values.shape, features, limits },
    ...{ profiles: [], speeds: {}, peers: [], notes: [] },
  };
  mkdirSync(values.out, { recursive: true });
  const section = async (name: string, leastSeconds: number, work: () => Promise<void>) => {
    const left = secondsLeft();
    console.error(`${name} (${Math.round(left)} s left)`);
    if (left < leastSeconds) report.notes.push(`${name}: left out, ${Math.round(left)} s were left`);
    else await work().catch((error) => report.notes.push(`${name}: ${(error as Error).message.split('\n')[0]}`));
    writeFileSync(join(values.out, 'gpu.json'), `${JSON.stringify(report, undefined, 1)}\n`);
    writeFileSync(join(values.out, 'gpu.md'), formatGpuReport(report));
  };

  let without: string[] = [];
  await section('kernel suite', 30, async () => {
    const results = await checkAll();
    const failed = results.filter(({ ok }) => !ok);
    without = brokenVariants(results);
    report.suite = {
      cases: results.length,
      failed: failed.map(({ name, variant, case: id, error = '' }) => ({ name, variant, case: id, error })),
    };
  });
  await section('rooflines', 20, async () => {
    report.rooflines = await measureRooflines(device, { byteLength: 2 ** 29 });
  });
  await section('matmul families', 30, async () => {
    report.families = await benchFamilies({ ...device, without }, prompts);
  });
  await section(`peers, ${values['peer-layers']} layers`, 90, () => measurePeers(report, shape));
  device.destroy();

  await section('loading', 60, async () => {
    const opened = await openNodeDevice({ without });
    await measureModel(opened, report, shape, section).finally(() => opened.destroy());
  });
  console.log(formatGpuReport(report));
  console.error(`${join(values.out, 'gpu.md')}, after ${Math.round((performance.now() - began) / 1000)} s`);
}

async function checkAll(): Promise<CheckResult[]> {
  using session = await CheckSession.start(() => openNodeDevice());
  const results: CheckResult[] = [];
  for (const kernel of kernels) {
    for await (const result of checkKernel(session, kernel)) {
      results.push(result);
      if (secondsLeft() < (60 * Number(values.minutes)) / 2) throw new Error('the suite takes too long here');
    }
  }
  return results;
}

type Section = (name: string, leastSeconds: number, work: () => Promise<void>) => Promise<void>;

async function measureModel(device: Device, report: GpuReport, shape: Shape, section: Section): Promise<void> {
  const memory = bestOf(report.rooflines ?? [], 'memory') ?? Number.NaN;
  const longest = Math.max(...prompts);
  const source = syntheticSource(shape, values.shape);
  const start = performance.now();
  await using llm = await load(source, { device, contextLength: depth + longest + 256, chunkLength: longest });
  const { weightBytesPerToken, info } = llm;
  report.load = {
    milliseconds: performance.now() - start,
    bytes: source.byteLength,
    weightBytesPerToken,
    kvBytesPerPosition: info.kvBytes / info.contextLength,
  };
  if (info.streamedLayers > 0) report.notes.push(`${info.streamedLayers} layers do not fit, and are streamed`);
  const profile = async (options: NonNullable<Parameters<LocalLLM['profile']>[0]>) => {
    const times = await llm.profile({ ...options, by: 'shape' });
    const milliseconds = times.reduce((sum, time) => sum + time.milliseconds, 0);
    const { tokens = 1, depth = 0 } = options;
    report.profiles.push({ tokens, depth, milliseconds, kernels: kernelTable(times, memory) });
  };
  const speed = async (name: string, runs: number) => {
    const [test] = parseTests(name);
    const rates: number[] = [];
    for (let turn = 0; turn <= runs; turn++) {
      rates.push(rateOf(test!, await timeRun(llm, runOf(test!, turn, llm.tokenizer.vocabLength))));
    }
    report.speeds[name] = spreadOf(rates.slice(1)).median;
  };
  await section('a decoded token by kernel', 10, () => profile({}));
  await section('eight columns', 10, () => profile({ tokens: 8, phase: 'decode' }));
  await section(`a decoded token at depth ${depth}`, 10, () => profile({ depth }));
  for (const tokens of prompts) await section(`a prompt of ${tokens} by kernel`, 20, () => profile({ tokens }));
  await section('decoding', 20, async () => {
    const before = llm.encoding;
    await speed(`tg${values.decode}`, 2);
    const after = llm.encoding;
    report.encodeMilliseconds = (after.milliseconds - before.milliseconds) / (after.steps - before.steps);
    report.dispatchesPerToken = llm.dispatchesPerToken;
  });
  for (const tokens of prompts) await section(`prompts of ${tokens}`, 20, () => speed(`pp${tokens}`, 2));
  await section(`decoding at depth ${depth}`, 40, () => speed(`tg${values.decode}@${depth}`, 1));
}

/** Both engines on a file of the shape with fewer layers: what the whole of it would take is too long to write and load. */
async function measurePeers(report: GpuReport, shape: Shape): Promise<void> {
  if (!existsSync(fileURLToPath(new URL('peers/node_modules/node-llama-cpp', import.meta.url)))) {
    throw new Error('bench/peers is not installed (pack.sh --peer carries it)');
  }
  const blockCount = Number(values['peer-layers']);
  const model = join(values.out, 'peer.gguf');
  const tests = parseTests([`tg${values.decode}`, ...prompts.map((tokens) => `pp${tokens}`)].join(','));
  try {
    await writeModel({ ...shape, blockCount }, `${values.shape}, ${blockCount} layers`, model);
    const contextLength = Math.max(...prompts) + 256;
    const ours = await openOurs('node', model, { contextLength, chunkLength: Math.max(...prompts) });
    const peer = await peers.vulkan!(model, contextLength);
    const comparisons: Comparison[] = [];
    report.peers.push({ model: `${values.shape}, ${blockCount} layers`, comparisons });
    for (const test of tests) comparisons.push(await compare(ours, peer, test, 3));
    await Promise.all([ours.close(), peer.close()]);
  } finally {
    rmSync(model, { force: true });
  }
}
