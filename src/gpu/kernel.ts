import type { Features } from './device.ts';

/** Workgroups along x, y and z. */
export type Workgroups = readonly [number, number, number];

/**
 * One kernel: its WGSL, and how the work is split. What holds it to its reference are the `Checks` beside it.
 *
 * `Shape` says what is computed (dimensions, quant type, what comes after), `Variant` how (subgroups, packed dot, …).
 * Two variants of one shape differ in speed and perhaps in the order of their sums, never in meaning.
 */
export interface Kernel<Shape extends object = never, Variant extends object = never> {
  /** ggml's name; also the file's, the GPU label's, the test's and the bench row's. */
  readonly name: string;
  /** What this device can run, the default first, the base variant last. */
  variants(shape: Shape, features: Features): readonly Variant[];
  /**
   * In which order a variant sums, in a few words. Variants of one order give the same bits for every shape, and time
   * chooses among those alone: results must not depend on what was fast. Absent: all variants are of one order.
   */
  order?(variant: Variant): string;
  wgsl(shape: Shape, variant: Variant): string;
  /** Pipeline constants, fixed at load. */
  overrides(shape: Shape, variant: Variant): Readonly<Record<string, number>>;
  /** The dispatch for `count` tokens (or rows, or items) of the range the kernel is bound to. */
  workgroups(shape: Shape, variant: Variant, count: number): Workgroups;
}

/**
 * What tests, benches and `doctor` read of a kernel. A kernel's file exports them as a function of their own, so that a
 * bundle that runs models and never calls it leaves cases, references and their helpers out.
 */
export interface Checks<Shape extends object = never, Variant extends object = never> {
  /** Bytes moved and floating point operations done for `count`, for rooflines. */
  cost(shape: Shape, count: number): Cost;
  /** Error bounds of a variant whose numbers are coarser than those of the cases; absent of the others. */
  tolerance?(variant: Variant): Tolerance | undefined;
  readonly cases: readonly Case<Shape>[];
  /** Shapes of real models, timed by bench/kernels.ts. */
  readonly benches: readonly Case<Shape>[];
}

/** A kernel of any shape and variant. */
// biome-ignore lint/suspicious/noExplicitAny: shapes are each kernel's own; whoever lists kernels hands them back unread.
export type AnyKernel = Kernel<any, any>;

/** A kernel with what it is checked and timed by. */
export interface CheckedKernel extends AnyKernel {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  checks(): Checks<any, any>;
}

export interface Cost {
  readonly bytes: number;
  readonly flops: number;
}

/** A test case as data: `id` addresses it, `trial` makes its buffers and what must come out. */
export interface Case<Shape> {
  readonly id: string;
  readonly shape: Shape;
  /** Error bounds; exact where absent. */
  readonly tolerance?: Tolerance;
  trial(): Trial;
}

export interface Tolerance {
  /** Σ(got − expected)² / Σ expected². */
  readonly nmse: number;
  /** Largest |got − expected| over the root mean square of `expected`. */
  readonly max: number;
}

export interface Trial {
  readonly count: number;
  readonly inputs: Readonly<Record<string, Words>>;
  readonly outputs: Readonly<Record<string, Output>>;
}

export type Words = Uint8Array | Uint32Array | Int32Array | Float32Array | Uint16Array | Int8Array;

/** A buffer the kernel writes. Without `initial` it is filled with NaN bytes first. */
export interface Output {
  readonly initial?: Words;
  /** One value per element of the whole buffer; NaN where nothing may be written. */
  readonly expected: ArrayLike<number>;
  /** What the buffer holds; or, of one with `initial`, how its bytes become the values that are compared. */
  readonly elements: 'f32' | 'f16' | 'u32' | 'i8' | ((bytes: ArrayBuffer) => ArrayLike<number>);
}
