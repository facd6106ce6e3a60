import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatKernelTable } from '../bench/kernel_table.ts';
import { benchModel, type ModelBench } from '../bench/model_bench.ts';
import { depthPicture, rooflinePicture } from '../bench/pictures.ts';
import { bestOf, measureRooflines, type RooflineResult } from '../bench/rooflines/index.ts';
import { adapterName } from '../gpu/device.ts';
import { openNodeDevice } from '../runtime/node.ts';
import { print, runCommand, UsageError } from './command.ts';
import { formatStreaming } from './generate.ts';
import { deviceOptions, loadModel, modelArgs, modelUsage } from './model_options.ts';
import { wholeNumber } from './option_values.ts';

const usage = `usage: webgguf bench -m MODEL [-p 512] [-n 128] [-d 0,4096,16384] [-r 3] [--svg DIR] [--json] [options]

How fast a model is here, and what part of the memory's bandwidth, measured in the same run, that is.

  -p N                   tokens of the prompt that is taken in (default 512)
  -n N                   tokens that are generated (default 128)
  -d LIST                positions that the cache holds before (default 0,4096,16384, as the context has room)
  -r N                   runs of each, after one that warms up; their median counts (default 3)
  --svg DIR              writes roofline.svg and depth.svg there
  --json                 one object instead of the tables
${modelUsage}`;

export async function run(args: string[], signal?: AbortSignal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...modelArgs,
        prefill: { type: 'string', short: 'p', default: '512' },
        decode: { type: 'string', short: 'n', default: '128' },
        depths: { type: 'string', short: 'd', default: '0,4096,16384' },
        repetitions: { type: 'string', short: 'r', default: '3' },
        svg: { type: 'string' },
        json: { type: 'boolean' },
      },
    });
    const sizes = {
      prefill: wholeNumber('-p', values.prefill)!,
      decode: wholeNumber('-n', values.decode)!,
      repetitions: wholeNumber('-r', values.repetitions)!,
      depths: parseDepths(values.depths),
    };
    if (values.model === undefined) throw new UsageError('name the model with -m'); // before anything is measured
    const tell = (what: string) => values.quiet || console.error(what);
    const device = await openNodeDevice(await deviceOptions(values));
    try {
      tell(`measuring ${adapterName(device.info)}`);
      const rooflines = await measureRooflines(device, { passes: 5 });
      const bandwidths = {
        copyBandwidth: bestOf(rooflines, 'memory', 'roofline_copy')!,
        memoryBandwidth: bestOf(rooflines, 'memory')!,
      };
      const start = performance.now();
      await using llm = await loadModel(values, signal, { device });
      const load = { milliseconds: performance.now() - start, gpuBytes: llm.info.gpuBytes };
      const bench = await benchModel(llm, {
        ...sizes,
        ...bandwidths,
        hasClock: device.features.timestamps,
        ...(signal && { signal }),
        onTest: ({ name }) => tell(name),
      });
      if (values.svg !== undefined) await writePictures(values.svg, llm.info.name, rooflines, bench);
      const { description, vendor, architecture } = device.info;
      const adapter = { name: adapterName(device.info), vendor, architecture, description };
      const { prefill, decode } = bench.depths[0]!;
      const result = { prefill, decode, ...bandwidths, ...bench, load, adapter, model: llm.info, rooflines };
      await print(values.json ? `${JSON.stringify(result)}\n` : `${report(result)}\n`);
    } finally {
      device.destroy();
    }
  });
}

function parseDepths(list: string): number[] {
  return list.split(',').map((text) => {
    if (!/^\d{1,9}$/.test(text))
      throw new UsageError(`-d takes whole numbers divided by commas, not ${JSON.stringify(list)}`);
    return Number(text);
  });
}

interface Report extends ModelBench {
  readonly copyBandwidth: number;
  readonly memoryBandwidth: number;
  readonly load: { readonly milliseconds: number; readonly gpuBytes: number };
  readonly adapter: { readonly name: string };
}

function report({ adapter, load, copyBandwidth, memoryBandwidth, ...bench }: Report): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(3)} GB`;
  const speeds = bench.depths.flatMap(({ depth, prefill, decode, attention }) => {
    const at = depth > 0 ? ` at depth ${depth}` : '';
    const fraction = `${gigabytes(decode.bytesPerToken * decode.tokensPerSecond)}/s, ${decode.bandwidthFraction.toFixed(2)} of copying`;
    const ofAttention = (time?: number) => (time === undefined ? '' : `; attention ${time.toFixed(3)} ms a token`);
    return [
      `pp${prefill.tokens}${at}: ${prefill.tokensPerSecond.toFixed(1)} tok/s${ofAttention(attention?.prefill)}`,
      `tg${decode.tokens}${at}: ${decode.tokensPerSecond.toFixed(1)} tok/s, ${fraction}${ofAttention(attention?.decode)}`,
    ];
  });
  return [
    adapter.name,
    `memory: copies ${gigabytes(copyBandwidth)}/s, at best ${gigabytes(memoryBandwidth)}/s`,
    `loaded in ${(load.milliseconds / 1000).toFixed(1)} s, ${gigabytes(load.gpuBytes)} of GPU memory`,
    `${bench.dispatchesPerToken} dispatches a token, encoded in ${bench.encodeMillisecondsPerToken.toFixed(2)} ms`,
    ...speeds,
    ...(bench.eightColumnsCost ? [`eight tokens verified cost ${bench.eightColumnsCost.toFixed(2)} times one`] : []),
    ...(bench.streaming ? [formatStreaming(bench.streaming)] : []),
    ...(bench.kernels.length > 0 ? ['', 'A decoded token by kernel:', formatKernelTable(bench.kernels)] : []),
  ].join('\n');
}

async function writePictures(
  folder: string,
  name: string,
  rooflines: readonly RooflineResult[],
  bench: ModelBench,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'roofline.svg'), rooflinePicture(`${name}: a decoded token`, rooflines, bench.kernels));
  await writeFile(join(folder, 'depth.svg'), depthPicture(`${name}: speed over depth`, bench.depths));
}
