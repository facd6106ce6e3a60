/** What is kept from load to load, and what of a file is believed. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type Findings, formatFindings, noFindings, parseFindings, shortReason } from '../../src/gpu/findings.ts';
import { FindingsCache, type TextStore } from '../../src/gpu/findings_cache.ts';
import { cacheFolder } from '../../src/runtime/cache_folder.ts';
import { nodeCache } from '../../src/runtime/node_cache.ts';

const race = { best: 'a', tried: ['a', 'b'], rounds: 3 };
const some = (): Findings => ({ races: new Map([['k rows=8', race]]), dropped: new Map([['k c', 'line 3: no']]) });

test('what was written is read', () => {
  expect(parseFindings(formatFindings(some(), 'this one'), 'this one')).toEqual(some());
});

test('findings of another device, or of another version, are none', () => {
  const text = formatFindings(some(), 'this one');
  expect(parseFindings(text, 'that one')).toEqual(noFindings());
  expect(parseFindings(text.replace('"version": 1', '"version": 2'), 'this one')).toEqual(noFindings());
});

test.each(['', 'null', '[]', '3', '{', '"text"', '{"version":1}', '{"version":1,"device":"d"}', '\0'.repeat(99)])(
  'a file of %j is none',
  (text) => expect(parseFindings(text, 'd')).toEqual(noFindings()),
);

test('what of a file is not as it should be is left out, and the rest stays', () => {
  const races = {
    good: race,
    number: 3,
    nothing: null,
    'no rounds': { best: 'a', tried: ['a'] },
    'rounds of a half': { ...race, rounds: 0.5 },
    'best did not run': { ...race, best: 'c' },
    'tried are numbers': { ...race, tried: ['a', 3] },
    'escape \u001b[2J': race,
    ['long'.repeat(200)]: race,
    'with an accent é': race,
  };
  const dropped = { 'k c': 'why', 'k d': 3, 'k e': 'two\nlines', 'k f': { toString: 'no' } };
  const file = { version: 1, device: 'd', races, dropped, unknown: { deep: [] } };
  const found = parseFindings(JSON.stringify(file), 'd');
  expect([...found.races.keys()]).toEqual(['good', 'with an accent é']);
  expect(found.dropped).toEqual(new Map([['k c', 'why']]));
  const polluting =
    '{"version":1,"device":"d","races":{"__proto__":{"best":"a","tried":["a"],"rounds":1}},"dropped":[]}';
  expect(parseFindings(polluting, 'd').races.get('__proto__')?.best).toBe('a');
  expect(({} as { best?: string }).best).toBeUndefined();
});

test('only so many entries are kept, and the newest', () => {
  const races = new Map(Array.from({ length: 5000 }, (_, i) => [`k rows=${i}`, race]));
  const kept = [...parseFindings(formatFindings({ races, dropped: new Map() }, 'd'), 'd').races.keys()];
  expect(kept.length).toBeLessThan(5000);
  expect(kept.at(-1)).toBe('k rows=4999');
});

test('a reason is one short line', () => {
  expect(shortReason('kernel k: bad\u001b[31m\n  1  fn main')).toBe('kernel k: bad [31m');
  expect(shortReason('x'.repeat(2000))).toHaveLength(512);
});

const device = (description: string, f16 = true) =>
  ({
    info: { vendor: 'v', architecture: 'a', device: '', description },
    features: { f16 },
    findings: noFindings(),
  }) as unknown as Device;

function memoryStore() {
  const texts = new Map<string, string>();
  const store: TextStore = {
    place: 'memory',
    read: async (name) => texts.get(name),
    write: vi.fn(async (name: string, text: string) => void texts.set(name, text)),
  };
  return { texts, store };
}

describe('a cache', () => {
  const found = (where: Device) => {
    for (const [name, value] of some().races) where.findings.races.set(name, value);
    return where;
  };

  test('knows a device by adapter, driver, features and implementation', async () => {
    const { store } = memoryStore();
    await new FindingsCache(store, 'dawn').keep(found(device('driver 1')));
    const recalled = async (other: Device, implementation = 'dawn') => {
      await new FindingsCache(store, implementation).recall(other);
      return other.findings.races.size;
    };
    expect(await recalled(device('driver 1'))).toBe(1);
    expect(await recalled(device('driver 2'))).toBe(0);
    expect(await recalled(device('driver 1', false))).toBe(0);
    expect(await recalled(device('driver 1'), 'another')).toBe(0);
  });

  test('writes only what is new, beside what others have written', async () => {
    const { store, texts } = memoryStore();
    const cache = new FindingsCache(store, 'dawn');
    await cache.keep(device('d'));
    expect(texts.size).toBe(0);
    const other = device('d');
    other.findings.races.set('k rows=9', race);
    await new FindingsCache(store, 'dawn').keep(other);
    const known = found(device('d'));
    await cache.keep(known);
    await cache.keep(known);
    expect(store.write).toHaveBeenCalledTimes(2);
    const fresh = device('d');
    await cache.recall(fresh);
    expect([...fresh.findings.races.keys()]).toEqual(['k rows=9', 'k rows=8']);
  });

  test('lives with a store that always fails, or with none, and remembers as long as it lives', async () => {
    const fails = () => Promise.reject(new Error('disk on fire'));
    for (const store of [{ place: 'nowhere', read: fails, write: fails }, undefined]) {
      const cache = new FindingsCache(store, 'dawn');
      await cache.keep(found(device('d')));
      const fresh = device('d');
      await cache.recall(fresh);
      expect(fresh.findings.races.size).toBe(1);
    }
  });
});

describe("Node's files", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'webgguf-cache-'));
  afterAll(() => rm(folder, { recursive: true }));

  test('are written whole, in a folder that is made', async () => {
    vi.stubEnv('WEBGGUF_CACHE', join(folder, 'deep'));
    const store = nodeCache() as TextStore;
    await Promise.all(Array.from({ length: 8 }, (_, i) => store.write('one.json', `${i}`.repeat(5000))));
    const text = await readFile(join(folder, 'deep/one.json'), 'utf8');
    expect(text).toBe((text[0] as string).repeat(5000));
    expect(await readdir(join(folder, 'deep'))).toEqual(['one.json']);
    expect(await store.read('one.json', 5000)).toBe(text);
    expect(await store.read('one.json', 4999)).toBeUndefined();
    await expect(store.read('two.json', 5000)).rejects.toThrow();
  });

  test('that cannot be written leave nothing behind', async () => {
    await writeFile(join(folder, 'file'), '');
    vi.stubEnv('WEBGGUF_CACHE', join(folder, 'file'));
    await expect(nodeCache()?.write('one.json', 'text')).rejects.toThrow();
    vi.stubEnv('WEBGGUF_CACHE', '');
    expect(nodeCache()).toBeUndefined();
  });
});

test.each([
  ['linux', { HOME: '/home/u' }, '/home/u/.cache/webgguf'],
  ['linux', { HOME: '/home/u', XDG_CACHE_HOME: '/var/c' }, '/var/c/webgguf'],
  ['linux', { HOME: '/home/u', XDG_CACHE_HOME: 'relative' }, '/home/u/.cache/webgguf'],
  ['darwin', { HOME: '/Users/u' }, '/Users/u/Library/Caches/webgguf'],
  ['win32', { LOCALAPPDATA: 'C:\\Users\\u\\Local' }, 'C:\\Users\\u\\Local\\webgguf\\Cache'],
  ['windows', {}, undefined],
  ['linux', {}, undefined],
  ['linux', { HOME: '/home/u', WEBGGUF_CACHE: '' }, undefined],
  ['win32', { WEBGGUF_CACHE: 'D:\\c' }, 'D:\\c'],
])('the cache folder of %s with %j is %s', (system, variables: Record<string, string>, folder) => {
  expect(cacheFolder((name) => variables[name], system)).toBe(folder);
});
