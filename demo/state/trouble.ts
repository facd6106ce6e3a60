/** What can go wrong, by kinds: each has its own sentence and a way on (`text`, `views/trouble.tsx`). */
import { signal } from '@preact/signals';

export type TroubleKind =
  | 'noWebGpu'
  | 'noAdapter'
  | 'memory'
  | 'lost'
  | 'storageFull'
  | 'busy'
  | 'network'
  | 'gated'
  | 'notFound'
  | 'unsupported'
  | 'badFile'
  | 'contextFull'
  | 'template'
  | 'worker'
  | 'other';

export interface Trouble {
  readonly kind: TroubleKind;
  /** The error's own line. */
  readonly detail: string;
  /** Tries again what failed. */
  readonly retry?: (() => void) | undefined;
}

export const trouble = signal<Trouble | undefined>(undefined);

/** What a person should know, and can go on without: the model was loaded again, the server knows no Range, … */
export const notices = signal<readonly Notice[]>([]);

export interface Notice {
  readonly kind: 'software' | 'noRange' | 'reloaded' | 'repaired' | 'waiting' | 'background' | 'other';
  readonly detail: string;
}

export function showTrouble(error: unknown, retry?: () => void): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  trouble.value = { kind: kindOf(name, message), detail: message, retry };
}

/** Each kind once: the latest. */
export function notice(kind: Notice['kind'], detail = ''): void {
  notices.value = [...notices.value.filter((other) => other.kind !== kind), { kind, detail }];
}

export function dismissNotice(kind: Notice['kind']): void {
  notices.value = notices.value.filter((other) => other.kind !== kind);
}

/** A line that `load` warns with. */
export function warn(message: string): void {
  if (message.includes('answers no Range')) notice('noRange', message);
  else if (message.includes('loaded again')) notice('reloaded', message);
  else if (message.includes('is damaged')) notice('repaired', message);
  else if (message.includes('another tab')) notice('waiting', message);
  else notice('other', message);
}

const byName: Readonly<Record<string, TroubleKind>> = {
  MemoryError: 'memory',
  OutOfMemoryError: 'memory',
  DeviceLostError: 'lost',
  StorageFullError: 'storageFull',
  QuotaExceededError: 'storageFull',
  StorageBusyError: 'busy',
  ConfigError: 'unsupported',
  WeightsError: 'unsupported',
  TokenizerError: 'unsupported',
  ContextFullError: 'contextFull',
  ChatTemplateError: 'template',
  WorkerError: 'worker',
};

export function kindOf(name: string, message: string): TroubleKind {
  if (message.includes('no WebGPU adapter')) return navigator.gpu ? 'noAdapter' : 'noWebGpu';
  if (/answers 40[13]/.test(message)) return 'gated';
  if (/answers 404|does not name a file/.test(message)) return 'notFound';
  if (/can't be fetched|answers [45]\d\d|Failed to fetch|NetworkError/.test(message)) return 'network';
  return byName[name] ?? (name === 'GgufError' ? 'badFile' : 'other');
}
