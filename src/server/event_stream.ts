/** Server-sent events: a line of JSON each, and comments where nothing comes for long, so that nobody hangs up. */

export interface EventStreamOptions {
  keepAliveSeconds(): number;
  /** For so long a reader may leave a word untaken; then it counts as gone, and what works for it is free. */
  readonly patienceSeconds: number;
  /** The error that the reader is told of in place of the rest. */
  onError(error: unknown): object;
  /** The reader has gone, as the stream knows it. */
  onCancel(): void;
  /** The reader has gone, as its connection knows it. */
  readonly gone: AbortSignal;
}

const encoder = new TextEncoder();

/** A response of `events`, as they come; after the last one `[DONE]`. */
export function eventStream(events: AsyncGenerator<object>, options: EventStreamOptions): Response {
  const next = () => {
    const coming = events.next();
    coming.catch(() => undefined); // told where it is read
    return coming;
  };
  let patience: ReturnType<typeof setTimeout> | undefined;
  const leave = async () => {
    clearTimeout(patience);
    options.onCancel();
    await events.return(undefined).catch(() => undefined);
  };
  options.gone.addEventListener('abort', leave, { once: true }); // nobody may be left to pull
  let coming = next(); // at once: a generator that never began would never end either
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(patience); // what was sent before is taken
      const send = (text: string) => {
        controller.enqueue(encoder.encode(text));
        patience = setTimeout(giveUp, options.patienceSeconds * 1000);
      };
      const giveUp = () => {
        controller.error(new Error('the reader takes nothing'));
        return leave();
      };
      const close = (lastWord: string) => {
        controller.enqueue(encoder.encode(lastWord));
        controller.close();
      };
      try {
        const result = await Promise.race([coming, pause(options.keepAliveSeconds(), coming)]);
        if (!result) return send(': still at work\n\n');
        if (result.done) return close('data: [DONE]\n\n');
        send(`data: ${JSON.stringify(result.value)}\n\n`);
        coming = next();
      } catch (error) {
        close(`data: ${JSON.stringify(options.onError(error))}\n\n`);
      }
    },
    cancel: leave,
  });
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', 'X-Accel-Buffering': 'no' },
  });
}

/** Resolves to nothing after so long; its timer goes when `other` has come. */
function pause(seconds: number, other: Promise<unknown>): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, seconds * 1000, undefined);
  const clear = () => clearTimeout(timer);
  other.then(clear, clear);
  return promise;
}
