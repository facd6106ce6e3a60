/** Which mirrors this machine's apt uses: the two formats of /etc/apt, read only as far as setup needs them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One enabled source of binary packages. */
export interface AptSource {
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The same source with another suite (component main), in its own format. */
  withSuite(suite: string): { readonly extension: 'list' | 'sources'; readonly text: string };
}

/** All of them, in apt's order: sources.list, then sources.list.d by name. */
export function readAptSources(directory = '/etc/apt'): AptSource[] {
  const parts = join(directory, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const paths = [join(directory, 'sources.list'), ...names.map((name) => join(parts, name))];
  return paths.filter((path) => existsSync(path)).flatMap((path) => parseFile(path, readFileSync(path, 'utf8')));
}

function parseFile(path: string, text: string): AptSource[] {
  if (path.endsWith('.list')) return text.split('\n').flatMap(parseOneLine);
  if (path.endsWith('.sources')) return text.split(/\n[ \t]*(?:\n[ \t]*)+/).flatMap(parseStanza);
  return [];
}

/** `deb [options] uri suite component…` */
export function parseOneLine(line: string): AptSource[] {
  const match = /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
  if (!match) return [];
  const [, options = '', uri, suite, components] = match as unknown as [string, string?, string?, string?, string?];
  if (uri!.startsWith('cdrom:')) return [];
  const withSuite = (other: string) =>
    ({ extension: 'list', text: `deb ${options.trim()} ${uri} ${other} main\n`.replace('  ', ' ') }) as const;
  return [{ suites: [suite!], components: components!.trim().split(/\s+/), withSuite }];
}

/** deb822: `Field: value` lines, continued by leading blanks; comments begin with #. */
export function parseStanza(stanza: string): AptSource[] {
  const lines = stanza.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const fields = new Map<string, string>();
  let field = '';
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):(.*)$/.exec(line) ?? [];
    if (name !== undefined) fields.set((field = name.toLowerCase()), value!.trim());
    else fields.set(field, `${fields.get(field) ?? ''}\n${line}`);
  }
  const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
  if (!words('types').includes('deb') || /^no$/i.test(fields.get('enabled') ?? '')) return [];
  const withSuite = (suite: string) => {
    const changed = new Map([...fields, ['types', 'deb'], ['suites', suite], ['components', 'main']]);
    const text = [...changed].map(([name, value]) => `${name}:${value.startsWith('\n') ? '' : ' '}${value}\n`).join('');
    return { extension: 'sources', text } as const;
  };
  return [{ suites: words('suites'), components: words('components'), withSuite }];
}
