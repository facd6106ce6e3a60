/** Variants race on a real device: chosen, dropped, and the same bits whatever is chosen. */
import { describe, expect, test } from 'vitest';
import { mul_mat_vec, mulMatVecChecks } from '../../kernels/mul_mat_vec.ts';
import { Ground } from '../../src/gpu/course.ts';
import { noFindings } from '../../src/gpu/findings.ts';
import { tune } from '../../src/gpu/tune.ts';
import { interchangeableVariants, variantName } from '../../src/gpu/variants.ts';
import type { LoadOptions } from '../../src/index.ts';
import { load } from '../../src/runtime/node.ts';
import { randomGgufBytes } from '../fixtures/random_gguf.ts';
import { adapterName, openTestDevice } from './adapter.ts';
import { recordedCase } from './recorded_case.ts';

const device = await openTestDevice();
const thorough = { milliseconds: Number.POSITIVE_INFINITY, rounds: 3 };
const testCase = mulMatVecChecks().cases.find(({ id }) => id.includes('Q8_0') && id.includes('q8'))!;
const variants = interchangeableVariants(mul_mat_vec, testCase.shape, device).map(variantName);
const [first, second] = variants as [string, string];
const base = variants.at(-1) as string;

/** Tunes one shape of a kernel, and tells what came of it. */
async function tuned(kernel: typeof mul_mat_vec) {
  const fresh = { ...device, findings: noFindings() };
  const { recorder, pipelines, trial } = await recordedCase(fresh, kernel, testCase);
  await tune(fresh, new Ground(recorder, pipelines, []).courses([trial]), thorough);
  recorder.discard();
  return { ...fresh.findings, race: [...fresh.findings.races.values()][0] };
}

test("every variant of the default's order is tried, and writes the same bits", async () => {
  const { dropped, race } = await tuned(mul_mat_vec);
  expect(dropped).toEqual(new Map());
  expect(variants.length).toBeGreaterThan(1);
  expect(race?.tried.toSorted()).toEqual(variants.toSorted());
});

describe('a candidate is dropped by name', () => {
  const firstChanged = (change: (source: string) => string): typeof mul_mat_vec => ({
    ...mul_mat_vec,
    wgsl: (shape, variant) => {
      const source = mul_mat_vec.wgsl(shape, variant);
      return variantName(variant) === first ? change(source) : source;
    },
  });

  test('that computes something else', async () => {
    const { dropped } = await tuned(
      firstChanged((source) => source.replace('dot4I8Packed(a, b)', '(dot4I8Packed(a, b) | 1)')),
    );
    expect([...dropped]).toEqual([
      [
        `mul_mat_vec ${first}`,
        expect.stringMatching(new RegExp(`^dst of type=Q8_0 .* is not what "${base}" makes it$`)),
      ],
    ]);
  });

  test('that does not compile', async () => {
    const { dropped } = await tuned(firstChanged((source) => `${source}\nfn wrong() -> u32 { return 1.5; }`));
    expect([...dropped]).toEqual([
      [`mul_mat_vec ${first}`, expect.stringMatching(new RegExp(`^kernel mul_mat_vec ${first} with .*: line \\d+: `))],
    ]);
  });

  test('a default that does not compile gives way when the plan is finished, tuned or not', async () => {
    const fresh = { ...device, findings: noFindings() };
    const broken = firstChanged((source) => `${source}\nfn wrong() -> u32 { return 1.5; }`);
    const { recorder, finish } = await recordedCase(fresh, broken, testCase);
    const plan = await finish();
    expect(plan.segments[0]?.dispatches[0]?.label).toBe(`mul_mat_vec ${second}`);
    expect([...fresh.findings.dropped.keys()]).toEqual([`mul_mat_vec ${first}`]);
    recorder.discard();
  });
});

test.runIf(adapterName === 'lavapipe')('a model has the same logits, tuned or not', async () => {
  const bytes = await randomGgufBytes({
    blockCount: 1,
    embeddingLength: 256,
    feedForwardLength: 1024,
    vocabLength: 16000,
  });
  const tokens = [1, 5, 9, 13, 17];
  const answer = async (tune: LoadOptions['tune']) => {
    await using llm = await load(bytes, { device, contextLength: 512, ...(tune && { tune }) });
    const generated = await Array.fromAsync(llm.generate(tokens, { temperature: 0, maxTokens: 4 }), ({ id }) => id);
    return { logits: await llm.logits(tokens), generated };
  };
  const untuned = await answer('off');
  expect(device.findings.races.size).toBe(0);
  expect(await answer(undefined)).toEqual(untuned);
});
