import { formatSize } from './size.ts';

/** On a terminal one line is written over; a log gets a line now and then. */
const REWRITE_MS = 200;
const LOG_MS = 10_000;

/** A line on stderr that changes while something takes its time. */
export class StatusLine {
  readonly #stream: NodeJS.WriteStream;
  #next: number;

  constructor(stream = process.stderr) {
    this.#stream = stream;
    this.#next = performance.now() + this.#interval;
  }

  /** Writes it, if the last time is long enough ago. */
  update(line: () => string): void {
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + this.#interval;
    this.#stream.write(this.#stream.isTTY ? `\r${line()}\u001b[K` : `${line()}\n`);
  }

  /** Leaves an empty line for what comes next. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }

  get #interval(): number {
    return this.#stream.isTTY ? REWRITE_MS : LOG_MS;
  }
}

/** How far a long copy has come, on stderr: share, bytes, rate and time left. */
export class Progress {
  readonly #what: string;
  readonly #totalBytes: number;
  readonly #status: StatusLine;
  readonly #start = performance.now();

  constructor(what: string, totalBytes: number, stream = process.stderr) {
    this.#what = what;
    this.#totalBytes = totalBytes;
    this.#status = new StatusLine(stream);
  }

  update(doneBytes: number): void {
    this.#status.update(() => this.#line(doneBytes, this.seconds));
  }

  end(): void {
    this.#status.end();
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
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
