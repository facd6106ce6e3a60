/** A web server of models as the page meets them: with Range or without, slow, cut off, hidden behind a login. */
import { setTimeout } from 'node:timers/promises';
import { sendRange, serve } from '../gguf/test_server.ts';

export interface Served {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether Range requests are answered. Default: they are. */
  readonly ranges?: boolean;
  /** Of each connection. Default: as fast as it goes. */
  readonly bytesPerSecond?: number;
  /** Instead of the file. */
  readonly status?: number;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  /** May be changed while it runs. */
  readonly files: Map<string, Served>;
  /** What was asked for, in order: `[first, last + 1)` in bytes; all of it where no range was asked. */
  readonly asked: (readonly [first: number, end: number])[];
}

const pieceBytes = 64 * 1024;

export async function serveModels(files: Record<string, Served>): Promise<ModelServer> {
  const all = new Map(Object.entries(files));
  const asked: [number, number][] = [];
  const server = await serve(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-expose-headers', 'content-range, etag');
    const file = all.get(request.url!.slice(1));
    if (!file || file.status) {
      response.writeHead(file?.status ?? 404).end();
      return;
    }
    const { bytes, ranges = true, bytesPerSecond } = file;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    asked.push(ranges && first ? [Number(first), Math.min(bytes.length, Number(last) + 1)] : [0, bytes.length]);
    if (!ranges) request.headers.range = undefined as never;
    if (!bytesPerSecond) return sendRange(request, response, bytes);
    const [from, end] = asked.at(-1)!;
    const range = { 'content-range': `bytes ${from}-${end - 1}/${bytes.length}` };
    response.writeHead(ranges ? 206 : 200, { etag: '"1"', 'content-length': end - from, ...(ranges && range) });
    for (let at = from; at < end && !response.destroyed; at += pieceBytes) {
      response.write(bytes.subarray(at, Math.min(end, at + pieceBytes)));
      await setTimeout((1000 * pieceBytes) / bytesPerSecond);
    }
    response.end();
  });
  return { url: server.url, files: all, asked, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
