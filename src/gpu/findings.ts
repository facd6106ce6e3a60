/** What measuring has told of a device, kept from load to load: which variants of kernels are fast, and which are wrong. */

/** How the variants of a kernel stand on one shape. */
export interface Race {
  /** The fastest so far, by name. */
  readonly best: string;
  /** All that were timed, `best` among them. */
  readonly tried: readonly string[];
  /** Of each against the best, at least. */
  readonly rounds: number;
}

/** Of one device, as one implementation drives it. */
export interface Findings {
  /** By kernel and shape. */
  readonly races: Map<string, Race>;
  /** Variants that do not run here, by full name, and why not, in a line. */
  readonly dropped: Map<string, string>;
}

/** Of a device that nobody has measured. */
export const noFindings = (): Findings => ({ races: new Map(), dropped: new Map() });

/** Raised where an older file would mislead. */
const version = 1;
/** What a file may hold; beyond it is no file of ours. */
const mostEntries = 4096;
const longestText = 512;

/** As a file holds them; `device` says whose they are. The oldest races go where there are too many. */
export function formatFindings({ races, dropped }: Findings, device: string): string {
  const newest = <T>(map: ReadonlyMap<string, T>) => Object.fromEntries([...map].slice(-mostEntries));
  return `${JSON.stringify({ version, device, races: newest(races), dropped: newest(dropped) }, null, 1)}\n`;
}

/** Reads what `formatFindings` wrote for this device. A file may be anything: what is not as it should be is left out. */
export function parseFindings(text: string, device: string): Findings {
  const findings = noFindings();
  const file = parsed(text);
  if (file?.version !== version || file.device !== device) return findings;
  for (const [name, value] of entries(file.races)) {
    const race = fields(value);
    if (!race || !isText(race.best) || !Array.isArray(race.tried) || !race.tried.every(isText)) continue;
    if (!race.tried.includes(race.best) || race.tried.length > mostEntries || !isCount(race.rounds)) continue;
    findings.races.set(name, { best: race.best, tried: race.tried, rounds: race.rounds });
  }
  for (const [name, reason] of entries(file.dropped)) if (isText(reason)) findings.dropped.set(name, reason);
  return findings;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return fields(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(fields(value) ?? {})
    .filter(([name]) => isText(name))
    .slice(0, mostEntries);
}

/** A short line that may be printed: no control characters. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestText && !/\p{Cc}/u.test(value);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** An error's message as `dropped` keeps it: its first line, and of that what fits. */
export function shortReason(message: string): string {
  const [line = ''] = message.split('\n');
  return line.replaceAll(/\p{Cc}/gu, ' ').slice(0, longestText);
}
