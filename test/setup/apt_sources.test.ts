import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseOneLine, parseStanza, readAptSources } from '../../src/cli/setup/apt_sources.ts';

test('a one-line source keeps its mirror and options in another suite', () => {
  const [source] = parseOneLine('deb  [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib # own');
  expect(source?.suites).toEqual(['bookworm']);
  expect(source?.components).toEqual(['main', 'contrib']);
  expect(source?.withSuite('bookworm-backports')).toEqual({
    extension: 'list',
    text: 'deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm-backports main\n',
  });
  expect(parseOneLine('deb http://m/debian trixie main')[0]?.withSuite('x').text).toBe('deb http://m/debian x main\n');
});

test.each(['# deb http://m bookworm main', 'deb-src http://m bookworm main', 'deb cdrom:[x]/ bookworm main', ''])(
  '%j is no source',
  (line) => expect(parseOneLine(line)).toEqual([]),
);

test('a deb822 stanza keeps its mirror and its embedded key in another suite', () => {
  const stanza = `Types: deb deb-src
# a comment
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ`;
  const [source] = parseStanza(stanza);
  expect(source?.suites).toEqual(['bookworm', 'bookworm-updates']);
  expect(source?.components).toEqual(['main']);
  expect(source?.withSuite('bookworm-backports')).toEqual({
    extension: 'sources',
    text: `types: deb
uris: http://mirror/debian
suites: bookworm-backports
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
`,
  });
});

test.each(['Enabled: no\nTypes: deb\nURIs: http://m\nSuites: a\nComponents: main', 'Types: deb-src\nSuites: a', ''])(
  'the stanza %j is no source',
  (stanza) => expect(parseStanza(stanza)).toEqual([]),
);

test('sources.list and both kinds of file in sources.list.d are read, others not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'webgguf-apt-'));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  mkdirSync(join(directory, 'sources.list.d'));
  write('sources.list', '# main\ndeb http://m a main\n');
  write(
    'sources.list.d/b.sources',
    'Types: deb\nURIs: http://m\nSuites: b\n\n \nTypes: deb\nURIs: http://m\nSuites: c\n',
  );
  write('sources.list.d/d.list', 'deb http://m d main');
  write('sources.list.d/e.list.disabled', 'deb http://m e main');
  expect(readAptSources(directory).flatMap((source) => source.suites)).toEqual(['a', 'b', 'c', 'd']);
  expect(readAptSources(join(directory, 'absent'))).toEqual([]);
});
