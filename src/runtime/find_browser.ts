/** Where this machine keeps Chromium or Chrome, and the SwiftShader Vulkan driver that ships beside its binary. */
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `chromium-browser` comes last: on Ubuntu it may be a stub that only asks for the snap. */
const COMMANDS = ['chromium', 'google-chrome', 'google-chrome-stable', 'google-chrome-beta', 'chromium-browser'];

const FIXED_PATHS = [
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/** On Linux the command is often a launch script that lies elsewhere than the binary. */
const LIBRARY_DIRECTORIES = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
  '/snap/chromium/current/usr/lib/chromium-browser',
];

/** The browser's command, for puppeteer's `executablePath`; `PUPPETEER_EXECUTABLE_PATH` goes first. */
export function findBrowser(environment: Environment = process.env): string | undefined {
  const named = environment.PUPPETEER_EXECUTABLE_PATH;
  const directories = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  const onPath = COMMANDS.flatMap((command) => directories.map((directory) => join(directory, command)));
  return [...(named ? [named] : []), ...onPath, ...FIXED_PATHS].find(isExecutable);
}

/** The driver's manifest for `VK_DRIVER_FILES`: SwiftShader as a second adapter beside the system's own (Linux). */
export function findSwiftShader(browser: string | undefined = findBrowser()): string | undefined {
  const beside = browser === undefined ? [] : [dirname(realpathSync(browser))];
  return [...beside, ...LIBRARY_DIRECTORIES]
    .map((directory) => join(directory, 'vk_swiftshader_icd.json'))
    .find((path) => existsSync(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
