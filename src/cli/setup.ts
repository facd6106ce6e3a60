/** `npm run setup`: brings a WebGPU adapter and a browser to a machine that lacks them (Debian and its kin, as root). */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { findBrowser, findSwiftShader } from '../runtime/find_browser.ts';
import { readAptSources } from './setup/apt_sources.ts';
import { asCommand, type Missing, needed, type OsRelease, planInstall, type Step } from './setup/plan.ts';
import { probeAdapter } from './setup/probe.ts';

try {
  await setup();
} catch (error) {
  console.error(`setup: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function setup(): Promise<void> {
  const before = await lookAround();
  if (!before.missing.adapter && !before.missing.browser) return say(`nothing to do: ${before.found}`);
  const steps = planSteps(before.missing);
  if (process.getuid?.() !== 0) {
    console.error(steps.map(asCommand).join('\n'));
    throw new Error('not root: run the commands above, then setup again');
  }
  say(`will install ${before.wanted}; this takes some minutes`);
  install(steps);
  const after = await lookAround();
  if (after.missing.adapter) throw new Error(`the installed Vulkan driver gives no WebGPU adapter: ${after.problem}`);
  if (after.missing.browser) throw new Error('the installed browser does not start; `chromium --version` says why');
  say(`done: ${after.found}`);
}

interface Surroundings {
  readonly missing: Missing;
  /** What is here, what is to be installed, and why the adapter is not usable: for people. */
  readonly found: string;
  readonly wanted: string;
  readonly problem: string;
}

async function lookAround(): Promise<Surroundings> {
  const browser = findBrowser();
  const version = browser && browserVersion(browser);
  const probe = await probeAdapter();
  const missing = { adapter: 'problem' in probe, browser: !version };
  const wanted = [
    ...(missing.adapter ? ['software Vulkan (libvulkan1, mesa-vulkan-drivers)'] : []),
    ...(missing.browser ? ['Chromium'] : []),
  ].join(' and ');
  const found = 'adapter' in probe && version ? `${probe.adapter}, ${await swiftShader()}, ${version}` : '';
  return { missing, found, wanted, problem: 'problem' in probe ? probe.problem : '' };
}

/** The tests' second adapter. That it is missing is said here and fails there. */
async function swiftShader(): Promise<string> {
  const manifest = findSwiftShader();
  if (!manifest) return 'no SwiftShader beside the browser (tests need it)';
  const probe = await probeAdapter(manifest);
  return 'adapter' in probe ? probe.adapter : `SwiftShader does not work (tests need it: ${probe.problem})`;
}

/** Undefined where it doesn't start, as Ubuntu's stub of a snap package. */
function browserVersion(browser: string): string | undefined {
  try {
    const output = execFileSync(browser, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 });
    return output.toString().trim().split('\n').at(-1);
  } catch {
    return undefined;
  }
}

function planSteps(missing: Missing): Step[] {
  if (process.platform !== 'linux') throw new Error(needed(missing));
  return planInstall(readOsRelease(), readAptSources(), missing);
}

function readOsRelease(): OsRelease {
  const path = '/etc/os-release';
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const pairs = lines.map((line) => /^(\w+)=["']?(.*?)["']?$/.exec(line)).filter((match) => match !== null);
  return Object.fromEntries(pairs.map(([, name, value]) => [name!, value!]));
}

/** Takes back the files it wrote where a command fails: a mirror without backports would break every later update. */
function install(steps: readonly Step[]): void {
  const complaints: string[] = [];
  for (const step of steps) {
    if ('write' in step) {
      say(`writing ${step.write}`);
      writeFileSync(step.write, step.text);
      continue;
    }
    say(step.run.join(' '));
    const { ok, complaint } = runQuietly(step.run);
    if (complaint) complaints.push(`${step.run.slice(0, 2).join(' ')}: ${complaint}`);
    if (ok || step.mayFail) continue;
    for (const written of steps) if ('write' in written) rmSync(written.write, { force: true });
    throw new Error(`failed: ${complaints.join('; ')}`);
  }
}

/** `complaint` is apt's first error or, without one, its first warning. */
function runQuietly([command, ...args]: readonly string[]): { ok: boolean; complaint: string | undefined } {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, error, stderr } = spawnSync(command!, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = stderr?.toString().split('\n') ?? [];
  const line = ['E: ', 'W: '].map((kind) => lines.find((line) => line.startsWith(kind))).find(Boolean);
  return {
    ok: status === 0,
    complaint: line?.slice(3).trim() ?? error?.message ?? (status ? `exit ${status}` : undefined),
  };
}

function say(line: string): void {
  console.log(`setup: ${line}`);
}
