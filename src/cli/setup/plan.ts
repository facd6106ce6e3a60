/** What setup will do on this system, as data: shown to people without root, carried out for root. */
import type { AptSource } from './apt_sources.ts';

/** Fields of /etc/os-release. */
export type OsRelease = Readonly<Record<string, string>>;

export type Step =
  | { readonly write: string; readonly text: string }
  | { readonly run: readonly string[]; readonly mayFail?: true };

export interface Missing {
  readonly adapter: boolean;
  readonly browser: boolean;
}

/** bookworm's own Mesa, 22.3, is refused by Dawn; its backports hold 25.0. Later releases need none. */
const MESA_FROM_BACKPORTS = new Set(['bookworm']);

const INSTALL = ['apt-get', 'install', '-y', '--no-install-recommends'];

/** The steps that bring what is missing; throws, with what is needed, where setup can't bring it. */
export function planInstall(os: OsRelease, sources: readonly AptSource[], missing: Missing): Step[] {
  const distributions = [os.ID, ...(os.ID_LIKE ?? '').split(' ')];
  if (!distributions.includes('debian')) {
    throw new Error(`${os.PRETTY_NAME ?? 'this system'} has no apt-get: ${needed(missing)}`);
  }
  // Ubuntu's Debian package `chromium` is an empty shell around the snap.
  const chromium = distributions.includes('ubuntu') ? ['snap', 'install', 'chromium'] : [...INSTALL, 'chromium'];
  const backports = missing.adapter ? backportsSuite(os) : undefined;
  return [
    ...(backports ? addSuite(backports, os.VERSION_CODENAME!, sources) : []),
    // One broken source of somebody else's is no hindrance; that ours came is seen when installing from it.
    { run: ['apt-get', 'update'], mayFail: true },
    ...(missing.adapter
      ? [{ run: [...INSTALL, ...(backports ? ['-t', backports] : []), 'libvulkan1', 'mesa-vulkan-drivers'] }]
      : []),
    ...(missing.browser ? [{ run: chromium }] : []),
  ];
}

/** For people on systems without apt-get. */
export function needed(missing: Missing): string {
  const parts = [
    ...(missing.adapter ? ['a Vulkan driver (on a machine without a GPU: Mesa 25 or later with lavapipe)'] : []),
    ...(missing.browser ? ['Chromium or Google Chrome'] : []),
  ];
  return `please install ${parts.join(' and ')}`;
}

/** A step as a line for a shell. */
export function asCommand(step: Step): string {
  if ('run' in step) return `sudo ${step.run.join(' ')}`;
  return `sudo tee ${step.write} >/dev/null <<'END'\n${step.text}END`;
}

function backportsSuite(os: OsRelease): string | undefined {
  const codename = os.VERSION_CODENAME ?? '';
  return MESA_FROM_BACKPORTS.has(codename) ? `${codename}-backports` : undefined;
}

/** Nothing where a source has the suite already, otherwise a file with the machine's own mirror. */
function addSuite(suite: string, codename: string, sources: readonly AptSource[]): Step[] {
  if (sources.some((source) => source.suites.includes(suite))) return [];
  const own = sources.find((source) => source.suites.includes(codename) && source.components.includes('main'));
  if (!own) throw new Error(`/etc/apt names no mirror of ${codename} main to take ${suite} from`);
  const { extension, text } = own.withSuite(suite);
  return [{ write: `/etc/apt/sources.list.d/webgguf-${suite}.${extension}`, text }];
}
