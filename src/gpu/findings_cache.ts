/** Findings from load to load: kept with the device's name, since another device or driver is another matter. */
import type { Device } from './device.ts';
import { type Findings, formatFindings, parseFindings } from './findings.ts';

/** Small texts that outlive the program, by name. Any call may reject; nothing depends on what is kept. */
export interface TextStore {
  /** Where they are, for people. */
  readonly place: string;
  /** Undefined where there is none, or it is longer than `longestBytes`. */
  read(name: string, longestBytes: number): Promise<string | undefined>;
  /** In place of what is there, all of it or nothing. */
  write(name: string, text: string): Promise<void>;
}

/** No file of ours is longer. */
const longestBytes = 2 ** 20;

/** What is known of the devices of one home. */
export class FindingsCache {
  readonly #store: TextStore | undefined;
  readonly #implementation: string;
  /** Also where there is no store: a variant that costs the device must not run on the next one. */
  readonly #texts = new Map<string, string>();

  /** `implementation`: what drives the GPU, as far as that is not the same everywhere. */
  constructor(store: TextStore | undefined, implementation: string) {
    this.#store = store;
    this.#implementation = implementation;
  }

  /** Adds what is known of a device to its findings. */
  async recall(device: Device): Promise<void> {
    const known = await this.#known(device);
    merge(device.findings, known);
  }

  /** Keeps a device's findings, beside what other programs have kept meanwhile. */
  async keep(device: Device): Promise<void> {
    const { findings } = device;
    if (findings.races.size + findings.dropped.size === 0) return;
    const key = this.#key(device);
    const name = await fileName(key);
    const all = await this.#known(device);
    const before = formatFindings(all, key);
    merge(all, findings);
    const text = formatFindings(all, key);
    if (text === before) return;
    this.#texts.set(name, text);
    await this.#store?.write(name, text).catch(() => undefined);
  }

  async #known(device: Device): Promise<Findings> {
    const key = this.#key(device);
    const name = await fileName(key);
    const stored = await this.#store?.read(name, longestBytes).catch(() => undefined);
    const findings = parseFindings(stored ?? '', key);
    merge(findings, parseFindings(this.#texts.get(name) ?? '', key));
    return findings;
  }

  #key({ info, features }: Device): string {
    const { vendor, architecture, device, description } = info;
    const { driver = '' } = info as { driver?: string }; // Chromium tells it where developers ask for it
    return JSON.stringify([this.#implementation, vendor, architecture, device, description, driver, features]);
  }
}

function merge(to: Findings, from: Findings): void {
  for (const [name, race] of from.races) to.races.set(name, race);
  for (const [name, reason] of from.dropped) to.dropped.set(name, reason);
}

async function fileName(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key));
  const hex = Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `tuning-${hex}.json`;
}
