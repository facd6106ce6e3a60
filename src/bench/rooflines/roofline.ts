import type { Kernel, Workgroups } from '../../gpu/kernel.ts';

/** A kernel that does nothing but what one part of a device limits. */
export interface Roofline<Shape extends object, Variant extends object> extends Kernel<Shape, Variant> {
  /** What it is bound by: bytes a second of memory, or operations a second of one kind. */
  readonly limits: 'memory' | 'packed dot' | 'f32' | 'f16 matrix';
  /** Bytes of each buffer. */
  buffers(shape: Shape, variant: Variant): Readonly<Record<string, number>>;
  /** Bytes moved, or operations done, by one dispatch. */
  work(shape: Shape, variant: Variant): number;
}

/** Bytes that are read: a power of two of at least 64 KiB. */
export interface MemoryShape {
  readonly byteLength: number;
}

/** How many invocations compute, each over so many steps. */
export interface ArithmeticShape {
  readonly invocations: number;
  readonly steps: number;
}

/** Workgroups of 64 for a power of two of invocations: more than a dimension takes go along y. */
export function spreadInvocations(invocations: number): Workgroups {
  const groups = Math.max(1, invocations / 64);
  const x = Math.min(groups, 32_768);
  return [x, groups / x, 1];
}

/** Of any shape and variant. */
// biome-ignore lint/suspicious/noExplicitAny: shapes are each roofline's own; whoever lists them hands them back unread.
export type AnyRoofline = Roofline<any, any>;
