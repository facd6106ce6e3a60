/**
 * `npm run screenshots [FOLDER]`: a picture of every state of the page, wide, and of some on a phone and in the dark, to
 * be looked at. Default folder: demo/dist/screenshots. Those that the README shows are in demo/screenshots.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSite } from './site.ts';
import { states } from './states.ts';

const folder = process.argv[2] ?? 'demo/dist/screenshots';
const narrow = { width: 390, height: 844 }; // isMobile would load the page anew
const wide = { width: 1280, height: 800 };
/** On a phone and in the dark too. */
const more = new Set(['start', 'model', 'loading', 'chat', 'look-inside', 'tokens', 'trouble-network', 'settings']);

await mkdir(folder, { recursive: true });
await using site = await openSite();
for await (const { name, visitor } of states(site)) {
  const { page } = visitor;
  const shoot = async (suffix: string) => {
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200))); // colours fade
    await page.screenshot({ path: join(folder, `${name}${suffix}.png`) });
  };
  await shoot('');
  if (more.has(name)) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await shoot('-dark');
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    await page.setViewport(narrow);
    await shoot('-phone');
    await page.setViewport(wide);
  }
  console.log(name);
}
