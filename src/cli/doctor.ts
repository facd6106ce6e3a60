import { parseArgs } from 'node:util';
import { kernels } from '../../kernels/index.ts';
import { type CheckResult, checkKernel } from '../gpu/check.ts';
import { adapterName, type Device } from '../gpu/device.ts';
import { Pipelines } from '../gpu/pipelines.ts';
import { openNodeDevice } from '../runtime/node.ts';
import { print, runCommand } from './command.ts';
import { parseFeatures } from './model_options.ts';

const usage = `usage: webgguf doctor [--json] [--kernel NAME] [--adapter NAME] [--features LIST]

The adapter, its features and limits, and every case of every kernel in every variant, on this device.`;

export async function run(args: string[]): Promise<number> {
  let ok = true;
  const code = await runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        json: { type: 'boolean' },
        kernel: { type: 'string' },
        adapter: { type: 'string' },
        features: { type: 'string' },
      },
    });
    const features = parseFeatures(values.features);
    const device = await openNodeDevice({
      ...(values.adapter !== undefined && { adapter: values.adapter }),
      ...(features && { features }),
    });
    const results: CheckResult[] = [];
    if (!values.json) await print(describeDevice(device));
    const pipelines = new Pipelines(device);
    for (const kernel of kernels) {
      if (values.kernel !== undefined && values.kernel !== kernel.name) continue;
      const checked = await Array.fromAsync(checkKernel(device, pipelines, kernel));
      results.push(...checked);
      if (!values.json) await print(describeKernel(kernel.name, checked));
    }
    ok = results.length > 0 && results.every((result) => result.ok);
    if (values.json) await print(`${JSON.stringify(report(device, results, ok))}\n`);
    device.destroy();
    if (!ok && !values.json)
      throw new Error('some kernels are wrong on this device; results from it cannot be trusted');
  });
  return code === 0 && !ok ? 1 : code;
}

function describeDevice({ info, features, limits }: Device): string {
  const lines = [
    `adapter   ${adapterName(info)}`,
    `features  ${featureList({ features }).join(', ') || 'base'}`,
    ...Object.entries(limits).map(([name, value]) => `limit     ${name} ${value}`),
  ];
  return `${lines.join('\n')}\n`;
}

function featureList({ features }: Pick<Device, 'features'>): string[] {
  const { subgroupMinSize, subgroupMaxSize, ...flags } = features;
  const names = Object.entries(flags).flatMap(([name, has]) => (has ? [name] : []));
  return names.map((name) => (name === 'subgroups' ? `subgroups of ${subgroupMinSize}–${subgroupMaxSize}` : name));
}

function describeKernel(name: string, results: readonly CheckResult[]): string {
  const failed = results.filter((result) => !result.ok);
  const lines = failed.map((r) => `  FAILED ${r.case} [${r.variant || 'base'}]: ${r.error?.split('\n')[0]}`);
  const worst = results.reduce((most, { nmse }) => Math.max(most, nmse || 0), 0);
  const summary = `${name.padEnd(18)}${results.length - failed.length} of ${results.length} right, largest nmse ${worst.toExponential(1)}`;
  return `${[summary, ...lines].join('\n')}\n`;
}

function report(device: Device, results: readonly CheckResult[], ok: boolean) {
  const { vendor, architecture, device: name, description, isFallbackAdapter } = device.info;
  return {
    adapter: { vendor, architecture, device: name, description, isFallbackAdapter },
    features: featureList(device),
    limits: device.limits,
    kernels: results.map(({ name, case: id, variant, ok, nmse, max, error }) => ({
      name,
      variant: variant || 'base',
      case: id,
      ok,
      nmse,
      max,
      error: error ?? null,
    })),
    ok,
  };
}
