/** A thread of `ConvertPool`: each request is answered by one message, in order. */
import { parentPort } from 'node:worker_threads';
import { convert } from '../../../kernels/quants/convert.ts';

export interface ConvertRequest {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type ConvertReply = ReturnType<typeof convert>;

parentPort!.on('message', ({ from, to, bytes }: ConvertRequest) => {
  const converted: ConvertReply = convert(from, to, bytes);
  parentPort!.postMessage(converted, converted ? [converted.buffer] : []);
});
