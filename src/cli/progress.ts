import { formatSize } from './size.ts';

/** On a terminal one line is written over; a log gets a line now and then. */
const REWRITE_MS = 200;
const LOG_MS = 10_000;

/** How far a long copy has come, on stderr: share, bytes, rate and time left. */
export class Progress {
  readonly #what: string;
  readonly #totalBytes: number;
  readonly #stream: NodeJS.WriteStream;
  readonly #start = performance.now();
  #next: number;

  constructor(what: string, totalBytes: number, stream = process.stderr) {
    this.#what = what;
    this.#totalBytes = totalBytes;
    this.#stream = stream;
    this.#next = this.#start + this.#interval;
  }

  update(doneBytes: number): void {
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + this.#interval;
    const line = this.#line(doneBytes, (now - this.#start) / 1000);
    this.#stream.write(this.#stream.isTTY ? `\r${line}\u001b[K` : `${line}\n`);
  }

  /** Leaves an empty line for what comes next. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  get #interval(): number {
    return this.#stream.isTTY ? REWRITE_MS : LOG_MS;
  }

  #line(doneBytes: number, seconds: number): string {
    const percent = Math.floor((100 * doneBytes) / this.#totalBytes);
    const left = formatSeconds((seconds * (this.#totalBytes - doneBytes)) / doneBytes);
    const rate = formatSize(doneBytes / seconds);
    return `${this.#what} ${percent} %, ${formatSize(doneBytes)} of ${formatSize(this.#totalBytes)}, ${rate}/s, ${left} left`;
  }
}

/** `8 s`, `12 min`, `3 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
