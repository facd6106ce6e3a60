import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernels } from '../../kernels/index.ts';
import { CheckSession, checkKernel } from '../doctor/check_kernel.ts';
import { checkModel, type ModelCheck } from '../doctor/check_model.ts';
import type { Golden } from '../doctor/golden.ts';
import { brokenVariants } from '../doctor/variants.ts';
import type { CheckResult } from '../gpu/check.ts';
import { adapterName, type Device } from '../gpu/device.ts';
import type { Findings } from '../gpu/findings.ts';
import type { LoadOptions } from '../index.ts';
import { load, type NodeDeviceOptions, openNodeDevice, recallFindings } from '../runtime/node.ts';
import { builtinModel, hasBuiltinModel } from './builtin_model.ts';
import { print, runCommand, UsageError } from './command.ts';
import { deviceArgs, deviceOptions } from './model_options.ts';

const usage = `usage: webgguf doctor [--json] [--kernel NAME] [--adapter NAME] [--features LIST] [--without VARIANT …]

The adapter, its features and limits; every case of every kernel in every variant, on this device; then the built-in
model in both precisions, with the variants that are right. Variants that are not are named, for other commands to do
without; so are those that loading a model has found wrong on this device, and has dropped.

  --kernel NAME          this kernel alone, and no model`;

export async function run(args: string[]): Promise<number> {
  let ok = true;
  const code = await runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: { ...deviceArgs, json: { type: 'boolean' }, kernel: { type: 'string' } },
    });
    const chosen = kernels.filter(({ name }) => name === (values.kernel ?? name));
    if (chosen.length === 0) {
      throw new UsageError(`--kernel is ${kernels.map(({ name }) => name).join(' or ')}, not "${values.kernel}"`);
    }
    const options = await deviceOptions(values);
    const say = async (text: string) => (values.json ? undefined : print(text));

    using session = await CheckSession.start(() => openNodeDevice(options));
    const { device } = session;
    await say(describeDevice(device));
    const tuning = await recallTuning(options);
    await say(describeTuning(tuning));
    const results = await checkKernels(session, chosen, say);

    const broken = brokenVariants(results);
    const without = [...(options.without ?? []), ...broken];
    if (broken.length > 0) await say(`broken            ${broken.join(', ')}\n`);
    const model = values.kernel === undefined ? await checkBuiltinModel({ ...options, without }, say) : undefined;

    const modelIsRight = model?.every((check) => check.ok) ?? true;
    ok = results.length > 0 && broken.length === 0 && modelIsRight;
    if (values.json) await print(`${JSON.stringify(report(device, tuning, results, model, without, ok))}\n`);
    else if (!ok) throw new Error(verdict(broken, without, modelIsRight));
  });
  return code === 0 && !ok ? 1 : code;
}

/** What loading models has found on this device; its own, since the session's is to run every variant. */
interface Tuned extends Findings {
  /** Where it is kept. */
  readonly place: string | undefined;
}

async function recallTuning(options: NodeDeviceOptions): Promise<Tuned> {
  const device = await openNodeDevice(options);
  const place = await recallFindings(device);
  device.destroy();
  return { ...device.findings, place };
}

function describeTuning({ races, dropped, place }: Tuned): string {
  const kept = place === undefined ? 'nothing is kept' : `kept in ${place}`;
  const lines = [`tuned     ${races.size} ${races.size === 1 ? 'shape' : 'shapes'} of kernels, ${kept}`];
  for (const [name, reason] of dropped) lines.push(`dropped   ${name}: ${reason}`);
  return `${lines.join('\n')}\n`;
}

type Say = (text: string) => Promise<void>;

async function checkKernels(session: CheckSession, chosen: typeof kernels, say: Say): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const kernel of chosen) {
    const checked = await Array.fromAsync(checkKernel(session, kernel));
    results.push(...checked);
    await say(describeKernel(kernel.name, checked));
  }
  return results;
}

/** Nothing where the model's file is absent. */
async function checkBuiltinModel(
  options: NonNullable<LoadOptions['deviceOptions']>,
  say: Say,
): Promise<ModelCheck[] | undefined> {
  if (!hasBuiltinModel()) {
    await say(`model             not checked: ${builtinModel} is missing\n`);
    return undefined;
  }
  const golden: Golden = JSON.parse(await readFile(join(dirname(builtinModel), 'pocket.golden.json'), 'utf8'));
  const checks: ModelCheck[] = [];
  for await (const check of checkModel(load, await readFile(builtinModel), golden, { deviceOptions: options })) {
    checks.push(check);
    await say(describeModel(check));
  }
  return checks;
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
  if (results.length === 0) return `${name.padEnd(18)}no variant is left\n`;
  const failed = results.filter((result) => !result.ok);
  const lines = failed.map((r) => `  FAILED ${r.case} [${r.variant}]: ${firstLine(r.error)}`);
  const worst = results.reduce((most, { nmse }) => Math.max(most, nmse || 0), 0);
  const summary = `${name.padEnd(18)}${results.length - failed.length} of ${results.length} right, largest nmse ${worst.toExponential(1)}`;
  return `${[summary, ...lines].join('\n')}\n`;
}

function describeModel({ precision, ok, nmse, tokens, error }: ModelCheck): string {
  const found = ok ? `${tokens} tokens as recorded, nmse ${nmse.toExponential(1)}` : `FAILED: ${firstLine(error)}`;
  return `${`model ${precision}`.padEnd(18)}${found}\n`;
}

function firstLine(error = ''): string {
  return error.split('\n')[0] as string;
}

/** What to do about it, in a line. */
function verdict(broken: readonly string[], without: readonly string[], modelIsRight: boolean): string {
  if (!modelIsRight) return 'the model is wrong on this device; results from it cannot be trusted';
  const options = without.map((name) => `--without '${name}'`).join(' ');
  const are = broken.length === 1 ? 'variant is' : 'variants are';
  return `${broken.length} kernel ${are} wrong on this device; to other commands, pass ${options}`;
}

function report(
  device: Device,
  { races, dropped, place }: Tuned,
  results: readonly CheckResult[],
  model: readonly ModelCheck[] | undefined,
  without: readonly string[],
  ok: boolean,
) {
  const { vendor, architecture, device: name, description, isFallbackAdapter } = device.info;
  return {
    adapter: { vendor, architecture, device: name, description, isFallbackAdapter },
    features: featureList(device),
    limits: device.limits,
    tuning: { place: place ?? null, races: Object.fromEntries(races), dropped: Object.fromEntries(dropped) },
    kernels: results.map(({ error = null, bits: _, ...result }) => ({ ...result, error })),
    without,
    model: model
      ? Object.fromEntries(model.map(({ precision, error = null, ...check }) => [precision, { ...check, error }]))
      : null,
    ok,
  };
}
