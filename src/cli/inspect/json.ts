import type { Gguf } from '../../gguf/gguf.ts';
import type { InspectedPlan } from '../../inspect/plan.ts';
import type { ModelSummary } from '../../inspect/summary.ts';

/** `{"model", "metadata", "tensors", "plan"}`, in one line. */
export function describeAsJson(gguf: Gguf, model: ModelSummary, plan: InspectedPlan): string {
  const metadata = Object.fromEntries(Array.from(gguf.metadata.entries(), ([key, { value }]) => [key, value]));
  const tensors = Array.from(gguf.tensors.values(), ({ name, type, dimensions, offset, byteLength, source }) => {
    return { name, type: type.name, dimensions, offset, byteLength, file: source.name };
  });
  return JSON.stringify({ model, metadata, tensors, plan }, (_, value) => jsonValue(value));
}

/** JSON has neither typed arrays nor integers beyond 2^53: these become arrays and strings. */
function jsonValue(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number | bigint>);
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}
