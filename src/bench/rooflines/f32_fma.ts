/**
 * f32_fma: a product added into a sum, two operations each. Registers alone. `fused` or not, where drivers that compute on
 * the CPU may be twice as fast.
 */
import { type OuterVariant, outerBuffers, outerCount, outerProducts } from './outer_products.ts';
import { type ArithmeticShape, type Roofline, spreadInvocations } from './roofline.ts';

interface Variant extends OuterVariant {
  readonly fused: boolean;
}

const arithmetic = (fused: boolean) => ({
  type: 'f32',
  sum: 'f32',
  add: (a: string, b: string, sum: string) => (fused ? `fma(${a}, ${b}, ${sum})` : `${sum} + ${a} * ${b}`),
});

export const f32_fma: Roofline<ArithmeticShape, Variant> = {
  limits: 'f32',
  name: 'roofline_f32_fma',
  variants: () => [true, false].flatMap((fused) => ([4, 8] as const).map((side) => ({ side, fused }))),
  wgsl: (_, variant) => outerProducts(arithmetic(variant.fused), variant),
  overrides: ({ steps }) => ({ STEPS: steps }),
  workgroups: ({ invocations }) => spreadInvocations(invocations),
  buffers: outerBuffers,
  work: (shape, variant) => 2 * outerCount(shape, variant),
};
