/** What is aimed at on a GPU, as fractions of what the same program measures (../shared/design/kernels.md, section 13). */
export interface Target {
  /** A first version's, and ahead of all peers. */
  readonly first: number;
  readonly ahead: number;
}

export const targets = {
  /** Of the memory roofline. */
  'gate and up, head': { first: 0.8, ahead: 0.92 },
  'O, QKV, down': { first: 0.65, ahead: 0.8 },
  'decode, whole': { first: 0.65, ahead: 0.8 },
  /** Keys and values that are read, of the memory roofline. */
  attention: { first: 0.5, ahead: 0.7 },
  /** Times one column. */
  'eight columns': { first: 1.4, ahead: 1.15 },
  /** Of the roofline of the family's own arithmetic. */
  'f16 matrix': { first: 0.2, ahead: 0.35 },
  'packed dot': { first: 0.45, ahead: 0.65 },
  f32: { first: 0.35, ahead: 0.55 },
  /** Milliseconds. */
  encode: { first: 1.5, ahead: 0.8 },
  /** Microseconds between two dispatches that depend on each other. */
  bubble: { first: 5, ahead: 2.5 },
} as const satisfies Record<string, Target>;
