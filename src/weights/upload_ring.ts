import type { Device } from '../gpu/device.ts';
import type { Pipelines } from '../gpu/pipelines.ts';
import { Lane } from './lane.ts';
import type { Piece } from './piece.ts';

/**
 * Brings pieces of the file to the GPU: read straight into mapped memory, copied, repacked where planes want it. The lanes' own
 * mapping is the back-pressure, so host memory stays at the size of the ring. `onPiece` hears of each as it is submitted.
 */
export async function upload(
  device: Device,
  pipelines: Pipelines,
  pieces: readonly Piece[],
  laneCount: number,
  signal?: AbortSignal,
  onPiece?: (piece: Piece) => void,
): Promise<void> {
  const lanes = await createLanes(device, pipelines, pieces, laneCount);
  let next = 0;
  const work = async (lane: Lane) => {
    try {
      for (let piece = pieces[next++]; piece; piece = pieces[next++]) {
        signal?.throwIfAborted();
        await lane.prepare(piece);
        lane.submit(await lane.fill(piece, signal));
        onPiece?.(piece);
      }
    } finally {
      next = pieces.length; // at an error the other lanes stop as well
    }
  };
  try {
    const workers = await Promise.allSettled(lanes.map(work));
    for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
    await device.unlessLost(device.gpu.queue.onSubmittedWorkDone());
    device.check();
  } finally {
    for (const lane of lanes) lane.destroy();
  }
}

/** Lanes that any of the pieces goes through; on failure none are left. */
export async function createLanes(
  device: Device,
  pipelines: Pipelines,
  pieces: readonly Piece[],
  count: number,
): Promise<Lane[]> {
  const lanes: Lane[] = [];
  try {
    for (let i = 0; i < count; i++) lanes.push(await Lane.create(device, pipelines, pieces));
    return lanes;
  } catch (error) {
    for (const lane of lanes) lane.destroy();
    throw error;
  }
}
