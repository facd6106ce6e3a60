/** POST /slots/{id_slot}?action=…: a sequence's keys and values to a file and back, as llama-server has it. */
import { z } from 'zod';
import { type ByteSource, SequenceBusyError, SnapshotError } from '../index.ts';
import { ApiError, badRequest, unavailable } from './errors.ts';
import { operation } from './operation.ts';
import type { Service } from './service.ts';

/** Where sequences are saved; what a name is has been checked. */
export interface SlotStore {
  /** Writes a file under that name, whole or not at all; how many bytes. */
  save(name: string, fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<number>;
  /** The file of that name; undefined where there is none. */
  open(name: string): Promise<ByteSource | undefined>;
}

const actions = ['save', 'restore', 'erase'] as const;
const busyRetrySeconds = 1;

export const slotAction = operation({
  method: 'post',
  path: '/slots/{id_slot}',
  summary: 'Saves what a sequence holds to a file, restores it from one, or erases it',
  params: z.object({ id_slot: z.string().regex(/^\d{1,4}$/), action: z.enum(actions) }),
  body: z.object({
    /** A plain name: no folders, nothing hidden. */
    filename: z
      .string()
      .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/, 'letters, digits, dots, dashes and underscores, no path')
      .nullish(),
  }),
  bodyIsOptional: true,
  answer: z.looseObject({ id_slot: z.int() }),
  async handle(service, { filename }, { params }) {
    const id_slot = Number(params.id_slot);
    const { sequences } = service.model.info;
    if (id_slot >= sequences) throw badRequest(`id_slot: there are ${sequences}, from 0 on`, { param: 'id_slot' });
    const start = performance.now();
    const done = await told(act(service, params.action as (typeof actions)[number], id_slot, filename ?? undefined));
    const { timing, ...counts } = done;
    const timings = timing ? { timings: { [timing]: performance.now() - start } } : {};
    return Response.json({ id_slot, ...(filename && { filename }), ...counts, ...timings });
  },
});

async function act(service: Service, action: (typeof actions)[number], slot: number, filename: string | undefined) {
  const { model, slotStore } = service;
  const { saveSequence, restoreSequence, eraseSequence } = model;
  if (!slotStore || !saveSequence || !restoreSequence || !eraseSequence) {
    throw new ApiError(501, 'slots are not saved here; start the server with --slot-save-path');
  }
  if (action === 'erase') return { n_erased: (await eraseSequence.call(model, slot)).tokens };
  if (!filename) throw badRequest('filename: is missing', { param: 'filename' });
  if (action === 'save') {
    let tokens = 0;
    const bytes = await slotStore.save(filename, async (write) => {
      ({ tokens } = await saveSequence.call(model, slot, write));
    });
    return { n_saved: tokens, n_written: bytes, timing: 'save_ms' };
  }
  const source = await slotStore.open(filename);
  if (!source) throw new ApiError(404, `there is no file ${filename}`, { param: 'filename' });
  try {
    const { tokens } = await restoreSequence.call(model, slot, source);
    return { n_restored: tokens, n_read: source.byteLength, timing: 'restore_ms' };
  } finally {
    await source.close();
  }
}

/** What happens to slots alone, as the client hears of it. */
async function told<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    if (error instanceof SequenceBusyError) throw unavailable('the slot is in use', 'slot_busy', busyRetrySeconds);
    if (error instanceof SnapshotError) throw badRequest(`the file: ${error.message}`, { param: 'filename' });
    throw error;
  }
}
