/**
 * f32_fma: a product added into a sum, two operations each. Registers alone. By `fours` a sum takes four products at a time,
 * which spares CPU drivers, whose registers do not hold all sums, three of four ways to the cache.
 */
import { type OuterVariant, outerBuffers, outerCount, outerProducts } from './outer_products.ts';
import { type ArithmeticShape, type Roofline, spreadInvocations } from './roofline.ts';

interface Variant extends OuterVariant {
  readonly fours: boolean;
}

const single = { type: 'f32', sum: 'f32', add: (a: string, b: string, sum: string) => `fma(${a}, ${b}, ${sum})` };
const fours = {
  type: 'vec4<f32>',
  sum: 'f32',
  add: (a: string, b: string, sum: string) => `${sum} + dot(${a}, ${b})`,
};

export const f32_fma: Roofline<ArithmeticShape, Variant> = {
  limits: 'f32',
  name: 'roofline_f32_fma',
  variants: () => [false, true].flatMap((fours) => ([4, 8] as const).map((side) => ({ side, fours }))),
  wgsl: (_, variant) => outerProducts(variant.fours ? fours : single, variant),
  overrides: ({ steps }) => ({ STEPS: steps }),
  workgroups: ({ invocations }) => spreadInvocations(invocations),
  buffers: outerBuffers,
  work: (shape, variant) => 2 * outerCount(shape, variant) * (variant.fours ? 4 : 1),
};
