import { type Logger, pino } from 'pino';

/** What the server writes of its work: one line of JSON per event. */
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>;

/** Lines on stderr, which stdout's readers do not see. */
export function stderrLog(): Log {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}

/** For who wants none. */
export const noLog: Log = { info() {}, warn() {}, error() {} };
