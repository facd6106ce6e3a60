import { cpus, release, totalmem, type } from 'node:os';

/** `2 × Intel(R) Xeon(R) Processor, 23 GiB, Linux 6.1`: beside every absolute time. */
export function machineName(): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'CPU'}, ${memory}, ${type()} ${release()}`;
}
