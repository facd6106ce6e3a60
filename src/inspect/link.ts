/** How fast streamed weights come: by reading some of them. */
import type { TensorInfo } from '../gguf/gguf.ts';

export interface Link {
  readonly bytesPerSecond: number;
  /** What was read to find out; 0 where nothing was, and the rate is assumed. */
  readonly readBytes: number;
  readonly seconds: number;
}

/** An NVMe disk, or a browser's storage. */
export const assumedLink: Link = { bytesPerSecond: 3e9, readBytes: 0, seconds: 0 };

const longestSeconds = 0.5;
/** As loading does it. */
const readBytes = 16 * 2 ** 20;
const readsInFlight = 4;
/** The golden ratio's fraction: its multiples fall evenly into (0, 1), however many there are. */
const stride = 0.618_033_988_749_895;

/**
 * Reads pieces from all over the tensors, several at once, for half a second or until as much as they hold was read.
 * What the system keeps of the files in memory comes faster, as it would in a pass.
 */
export async function measureLink(tensors: readonly TensorInfo[]): Promise<Link> {
  const totalBytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  let [done, started, reads] = [0, 0, 0];
  const read = async () => {
    const target = new Uint8Array(readBytes);
    while (seconds() < longestSeconds && started < totalBytes) {
      const { source, offset, byteLength } = tensorAt(tensors, ((++reads * stride) % 1) * totalBytes);
      const piece = target.subarray(0, Math.min(byteLength, target.length));
      started += piece.length;
      const room = byteLength - piece.length;
      await source.read(offset + Math.floor(((reads * stride * stride) % 1) * room), piece);
      done += piece.length;
    }
  };
  await Promise.all(Array.from({ length: readsInFlight }, read));
  return { bytesPerSecond: done / seconds(), readBytes: done, seconds: seconds() };
}

function tensorAt(tensors: readonly TensorInfo[], place: number): TensorInfo {
  let end = 0;
  return tensors.find(({ byteLength }) => place < (end += byteLength)) ?? (tensors[0] as TensorInfo);
}
