/** A thread of `ConvertPool`: each request is answered by one message, in order. */
import { parentPort } from 'node:worker_threads';
import { convert } from '../../../kernels/quants/convert.ts';

export interface ConvertRequest {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface ConvertReply {
  readonly converted: ReturnType<typeof convert>;
  /** The request's, given back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

parentPort!.on('message', ({ from, to, bytes }: ConvertRequest) => {
  const converted = convert(from, to, bytes);
  const reply: ConvertReply = { converted, bytes };
  parentPort!.postMessage(reply, converted ? [bytes.buffer, converted.buffer] : [bytes.buffer]);
});
