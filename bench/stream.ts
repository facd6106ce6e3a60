/**
 * Streaming stage by stage and as a whole, in one run:
 * `node bench/stream.ts MODEL.gguf [--gpu-memory SIZE] [--streamed-form planes|blocks] [--json]`.
 * Without a budget nothing is resident, and the slots are as large as they get; without a form it is the one that loading
 * finds faster.
 *
 * Each stage alone, over the same tiles, in seconds per byte of the file: `read` (into mapped memory, with as many reads at
 * once as the ring has), `copy` (to the GPU), `repack` (into planes, of what is not streamed as blocks), `compute` (passes of one token over tiles that nobody
 * waits for). On a CPU adapter all of them share the cores, and 1 / Σ is what the whole can reach; on a GPU the slowest
 * stage is.
 */
import { parseArgs } from 'node:util';
import { repack } from '../kernels/repack.ts';
import { formatSize, parseSize } from '../src/cli/size.ts';
import { KvCache } from '../src/decoding/kv_cache.ts';
import { closeGguf } from '../src/gguf/open.ts';
import { createBuffer } from '../src/gpu/buffers.ts';
import { adapterName } from '../src/gpu/device.ts';
import { Pipelines } from '../src/gpu/pipelines.ts';
import { allResident, bind, Recorder, type Residency } from '../src/gpu/plan.ts';
import { chosenVariant } from '../src/gpu/variants.ts';
import { Graph } from '../src/models/graph.ts';
import { loadModel, readHeader } from '../src/models/load.ts';
import { MemoryError, type MemoryPlan, planMemory } from '../src/models/memory.ts';
import { type StepCounts, StepTables, stepLimits } from '../src/models/step.ts';
import { openNodeDevice } from '../src/runtime/node.ts';
import { openModel } from '../src/runtime/node_file.ts';
import { placeInFile } from '../src/weights/delivery.ts';
import type { TileForm } from '../src/weights/matrix.ts';
import type { Piece } from '../src/weights/piece.ts';
import { longestStaging, readPiece } from '../src/weights/staging.ts';
import type { TileStream } from '../src/weights/stream.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'gpu-memory': { type: 'string' },
    'streamed-form': { type: 'string' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean' },
  },
});
const [path] = positionals;
const streamedForm = values['streamed-form'] as TileForm | undefined;
if (!path || (streamedForm && streamedForm !== 'planes' && streamedForm !== 'blocks')) {
  const options = '[--gpu-memory SIZE] [--streamed-form planes|blocks] [--rounds 3] [--json]';
  throw new Error(`usage: node bench/stream.ts MODEL.gguf ${options}`);
}
/** Bytes that a stage alone is timed over, at most. */
const sampleBytes = 512 * 2 ** 20;

const device = await openNodeDevice();
const gguf = await openModel(path);
const header = readHeader(gguf);
const { config } = header;
const form = { kvType: 'f16', precision: 'fast', sequences: 1, contextLength: 512 } as const;
const plan = (budgetBytes: number) => planMemory(header, { ...form, limits: device.limits, budgetBytes });
const memory = values['gpu-memory'] ? plan(parseSize(values['gpu-memory']) as number) : nothingResident();
const pipelines = new Pipelines(device);
const { weights, architecture, frequencies, hostEmbeddings } = await loadModel(header, device, pipelines, memory, {
  precision: form.precision,
  ...(streamedForm && { streamedForm }),
});
const stream = weights.stream as TileStream;
if (!stream) throw new Error(`all of ${path} fits into ${formatSize(memory.gpuBytes)}: give it less --gpu-memory`);

const kv = await KvCache.create(device, config, { type: form.kvType, sequences: 1, contextLength: 512 });
await kv.reserve(0, 0, 1);
const limits = stepLimits(config, { ...memory, sequences: 1 });
const tables = await StepTables.create(device, config, frequencies, limits);
tables.writePages(kv.pageTable);
const counts = tables.write({
  prefill: [],
  decode: [{ id: 1, position: 0, sequence: 0, kvSlot: 0, wantsLogits: true }],
});
const pieces = sample(stream.tiles.flatMap((tile) => tile.pieces));
const done = () => device.gpu.queue.onSubmittedWorkDone();

const whole = await record(stream);
const compute = await record(allResident);
const embeddings = await hostEmbeddings?.gather([1]);
if (embeddings) device.gpu.queue.writeBuffer(whole.x.buffer, 0, embeddings);
await pass(whole.plan); // compiles, and fills the system's cache of the file as far as it goes

const isRepacked = ({ tile }: Piece) => tile.type.repack !== undefined;
const stages: Record<string, number[]> = {
  read: [],
  copy: [],
  ...(pieces.some(isRepacked) && { repack: [] }),
  compute: [],
  whole: [],
};
for (let round = 0; round < Number(values.rounds); round++) {
  const time = async (stage: string, bytes: number, work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    stages[stage]?.push((performance.now() - began) / 1000 / bytes);
  };
  await time('whole', stream.bytesPerPass, () => pass(whole.plan));
  await stream.rest();
  await timeStaging(time);
  await time('compute', stream.bytesPerPass, () => pass(compute.plan));
}
report();
await weights.destroy();
device.destroy();
await closeGguf(gguf);

function nothingResident(): MemoryPlan {
  const slots = { tileBytes: 64 * 2 ** 20, slotCount: 4, stagingCount: 4, stagingBytes: 16 * 2 ** 20 };
  try {
    return { ...plan(1), ...slots };
  } catch (error) {
    if (error instanceof MemoryError && error.leastBytes) return { ...plan(error.leastBytes), ...slots };
    throw error;
  }
}

async function record(residency: Residency) {
  const recorder = new Recorder<StepCounts>(device, pipelines);
  const graph = new Graph(recorder, config, tables, form.precision);
  const { x } = architecture.forward(graph, config, weights, kv);
  return { x, plan: await recorder.finish(residency) };
}

async function pass(recorded: Awaited<ReturnType<typeof record>>['plan']): Promise<void> {
  await recorded.replay(counts);
  await done();
}

/** The first pieces of a pass, as many as are worth timing. */
function sample(all: readonly Piece[]): Piece[] {
  let bytes = 0;
  return all.filter((piece) => {
    bytes += piece.byteLength;
    return bytes <= sampleBytes || bytes === piece.byteLength;
  });
}

type Time = (stage: string, bytes: number, work: () => Promise<unknown>) => Promise<void>;

/** Read, copy and repack, each alone. */
async function timeStaging(time: Time): Promise<void> {
  const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const size = longestStaging(pieces);
  const stagings = await Promise.all(
    Array.from({ length: memory.stagingCount }, (_, i) => createBuffer(device, `staging ${i}`, size, 'staging')),
  );
  const raw = await createBuffer(device, 'raw', size);
  const uniform = await createBuffer(device, 'piece', 16, 'uniform');
  const mapAll = () => Promise.all(stagings.map((staging) => staging.mapAsync(GPUMapMode.WRITE)));

  await time('read', bytes, async () => {
    let next = 0;
    await Promise.all(
      stagings.map(async (staging) => {
        for (let piece = pieces[next++]; piece; piece = pieces[next++]) {
          await staging.mapAsync(GPUMapMode.WRITE);
          await readPiece(piece, staging, undefined);
        }
      }),
    );
  });
  await mapAll();
  for (const staging of stagings) staging.unmap();
  await time('copy', bytes, () => {
    for (const [i, piece] of pieces.entries()) {
      const encoder = device.gpu.createCommandEncoder();
      const staging = stagings[i % stagings.length] as GPUBuffer;
      const { buffer, offset } = isRepacked(piece) ? { buffer: raw, offset: 0 } : placeInFile(piece);
      encoder.copyBufferToBuffer(staging, 0, buffer, offset, Math.ceil(piece.byteLength / 4) * 4);
      device.gpu.queue.submit([encoder.finish()]);
    }
    return done();
  });
  const repacked = pieces.filter(isRepacked);
  const repacks = await Promise.all(repacked.map((piece) => boundRepack(piece, raw, uniform)));
  await time('repack', bytes, () => {
    for (const [i, { compiled, bindGroup, groups }] of repacks.entries()) {
      const { rowCount, first, step } = repacked[i] as Piece;
      device.gpu.queue.writeBuffer(uniform, 0, new Uint32Array([rowCount, first, step, 0]));
      const encoder = device.gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(compiled.pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...groups);
      pass.end();
      device.gpu.queue.submit([encoder.finish()]);
    }
    return done();
  });
  for (const buffer of [...stagings, raw, uniform]) buffer.destroy();
}

async function boundRepack(piece: Piece, raw: GPUBuffer, uniform: GPUBuffer) {
  const shape = { type: piece.tile.type.name, rowLength: piece.rowLength };
  const variant = chosenVariant(repack, shape, device);
  const compiled = await pipelines.compile(repack, shape, variant);
  const buffers = { piece: { buffer: uniform }, raw: { buffer: raw }, flaws: piece.flaws, ...piece.tile.planes };
  return {
    compiled,
    bindGroup: await bind(device, compiled, buffers),
    groups: repack.workgroups(shape, variant, piece.rowCount),
  };
}

function report(): void {
  const median = (times: readonly number[] = []) => times.toSorted((a, b) => a - b)[times.length >> 1] as number;
  const rates = Object.fromEntries(Object.entries(stages).map(([name, times]) => [name, 1 / median(times)]));
  const alone = Object.entries(stages).flatMap(([name, times]) => (name === 'whole' ? [] : [median(times)]));
  const wholeTime = median(stages.whole);
  const result = {
    adapter: adapterName(device.info),
    residentLayers: memory.residentLayers,
    streamedLayers: memory.streamedLayers,
    bytesPerPass: stream.bytesPerPass,
    weightBytes: weights.byteLength,
    streamedForm: (pieces.every(isRepacked) ? 'planes' : 'blocks') satisfies TileForm,
    bytesPerSecond: rates,
    /** Where all stages share the cores. */
    ofSum: alone.reduce((sum, time) => sum + time, 0) / wholeTime,
    /** Where each has its own engine. */
    ofSlowest: Math.max(...alone) / wholeTime,
  };
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  console.log(
    `${result.adapter}, ${path}: ${result.residentLayers} layers resident, ${result.streamedLayers} streamed as ${result.streamedForm},`,
  );
  console.log(
    `${formatSize(result.bytesPerPass)} per pass, ${formatSize(result.weightBytes)} of GPU memory for weights and slots`,
  );
  for (const [stage, rate] of Object.entries(rates)) console.log(`${stage.padEnd(8)} ${(rate / 1e9).toFixed(2)} GB/s`);
  console.log(`whole: ${result.ofSum.toFixed(2)} of 1 / Σ, ${result.ofSlowest.toFixed(2)} of the slowest stage alone`);
}
