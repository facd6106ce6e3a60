import type { Model } from './model.ts';

/** How weights were streamed while something was generated. */
export interface StreamingStats {
  /** Layers whose weights stay on the GPU, and those that came anew in every pass. */
  readonly residentLayers: number;
  readonly streamedLayers: number;
  /** Bytes of the file that one pass brings. */
  readonly bytesPerPass: number;
  /** Bytes that came, also for others and ahead of need, and how many of these the host held already. */
  readonly bytes: number;
  readonly cachedBytes: number;
  /** Bytes that came, by the time it took. */
  readonly bytesPerSecond: number;
  /** What the link gave alone when the model was loaded, or here, where a busy disk gave more; and how much of that was reached. */
  readonly linkBytesPerSecond: number;
  readonly linkFraction: number;
  /** Seconds in which the GPU's work waited for weights. */
  readonly waitSeconds: number;
}

/** Begins to watch a model's stream; what is returned tells how it went since. Undefined where all is resident. */
export function watchStream({ stream, memory }: Model): (() => StreamingStats) | undefined {
  if (!stream) return undefined;
  const [began, before] = [performance.now(), stream.counts];
  return () => {
    const seconds = (performance.now() - began) / 1000;
    const now = stream.counts;
    const bytes = now.bytes - before.bytes;
    const linkBytesPerSecond = Math.max(stream.linkBytesPerSecond, bytes / seconds);
    return {
      residentLayers: memory.residentLayers,
      streamedLayers: memory.streamedLayers,
      bytesPerPass: stream.bytesPerPass,
      bytes,
      cachedBytes: now.cachedBytes - before.cachedBytes,
      bytesPerSecond: bytes / seconds,
      linkBytesPerSecond,
      linkFraction: bytes / seconds / linkBytesPerSecond,
      waitSeconds: now.waitSeconds - before.waitSeconds,
    };
  };
}
