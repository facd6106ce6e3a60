import { expect, test } from 'vitest';
import { parseOneLine } from '../../src/cli/setup/apt_sources.ts';
import { asCommand, planInstall } from '../../src/cli/setup/plan.ts';

const bookworm = { ID: 'debian', VERSION_CODENAME: 'bookworm' };
const trixie = { ID: 'debian', VERSION_CODENAME: 'trixie' };
const ubuntu = { ID: 'ubuntu', ID_LIKE: 'debian', VERSION_CODENAME: 'noble' };
const fedora = { ID: 'fedora', PRETTY_NAME: 'Fedora Linux 42' };
const mirror = parseOneLine('deb http://mirror/debian bookworm main');
const all = { adapter: true, browser: true };

const update = 'sudo apt-get update';
const install = 'sudo apt-get install -y --no-install-recommends';
const commands = (...parameters: Parameters<typeof planInstall>) => planInstall(...parameters).map(asCommand);

test('bookworm takes Mesa from its backports, on the mirror the machine has', () => {
  expect(commands(bookworm, mirror, all)).toEqual([
    `sudo tee /etc/apt/sources.list.d/webgguf-bookworm-backports.list >/dev/null <<'END'
deb http://mirror/debian bookworm-backports main
END`,
    update,
    `${install} -t bookworm-backports libvulkan1 mesa-vulkan-drivers`,
    `${install} chromium`,
  ]);
});

test('no source is added where one has the backports already', () => {
  const sources = [...mirror, ...parseOneLine('deb http://mirror/debian bookworm-backports main')];
  expect(commands(bookworm, sources, { adapter: true, browser: false })).toEqual([
    update,
    `${install} -t bookworm-backports libvulkan1 mesa-vulkan-drivers`,
  ]);
});

test('only the browser is missing: no backports', () => {
  expect(commands(bookworm, [], { adapter: false, browser: true })).toEqual([update, `${install} chromium`]);
});

test('trixie has a Mesa that Dawn takes', () => {
  expect(commands(trixie, [], all)).toEqual([
    update,
    `${install} libvulkan1 mesa-vulkan-drivers`,
    `${install} chromium`,
  ]);
});

test("Ubuntu's Chromium is a snap", () => {
  expect(commands(ubuntu, [], all).at(-1)).toBe('sudo snap install chromium');
});

test('what setup cannot do is said in one line', () => {
  expect(() => planInstall(fedora, [], all)).toThrow(
    /^Fedora Linux 42 has no apt-get: please install a Vulkan driver .*Chromium/,
  );
  expect(() => planInstall(bookworm, [], all)).toThrow('/etc/apt names no mirror of bookworm main');
});
