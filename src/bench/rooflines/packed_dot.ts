/** packed_dot: four int8 products at a time, added into i32: eight operations each. Registers alone. */
import { type OuterVariant, outerBuffers, outerCount, outerProducts } from './outer_products.ts';
import { type ArithmeticShape, type Roofline, spreadInvocations } from './roofline.ts';

const arithmetic = {
  type: 'u32',
  sum: 'i32',
  add: (a: string, b: string, sum: string) => `${sum} + dot4I8Packed(${a}, ${b})`,
};

export const packed_dot: Roofline<ArithmeticShape, OuterVariant> = {
  limits: 'packed dot',
  name: 'roofline_packed_dot',
  variants: (_, { dp4a }) => (dp4a ? [{ side: 4 }, { side: 8 }] : []),
  wgsl: (_, variant) => outerProducts(arithmetic, variant),
  overrides: ({ steps }) => ({ STEPS: steps }),
  workgroups: ({ invocations }) => spreadInvocations(invocations),
  buffers: outerBuffers,
  work: (shape, variant) => 8 * outerCount(shape, variant),
};
