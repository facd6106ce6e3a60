/** f32_fma: a product added into a sum, two operations each. Registers alone. */
import { type OuterVariant, outerBuffers, outerCount, outerProducts } from './outer_products.ts';
import { type ArithmeticShape, type Roofline, spreadInvocations } from './roofline.ts';

const arithmetic = {
  type: 'f32',
  sum: 'f32',
  add: (a: string, b: string, sum: string) => `fma(${a}, ${b}, ${sum})`,
};

export const f32_fma: Roofline<ArithmeticShape, OuterVariant> = {
  limits: 'f32',
  name: 'roofline_f32_fma',
  variants: () => [{ side: 4 }, { side: 8 }],
  wgsl: (_, variant) => outerProducts(arithmetic, variant),
  overrides: ({ steps }) => ({ STEPS: steps }),
  workgroups: ({ invocations }) => spreadInvocations(invocations),
  buffers: outerBuffers,
  work: (shape, variant) => 2 * outerCount(shape, variant),
};
