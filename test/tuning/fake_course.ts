/** A kernel that is fast or slow, right or wrong, as a test says, on a clock that only it moves. */
import type { Device } from '../../src/gpu/device.ts';
import { noFindings } from '../../src/gpu/findings.ts';
import type { AnyKernel } from '../../src/gpu/kernel.ts';
import type { Course } from '../../src/gpu/tune.ts';
import type { Written } from '../../src/gpu/written.ts';

export interface FakeVariant {
  readonly way: string;
  readonly order?: string;
  /** Milliseconds that a run takes. */
  readonly time: number;
  /** Milliseconds that its first run takes. Default 10. */
  readonly compile?: number;
  /** What it writes, or throws. Default [1, 2]. */
  readonly writes?: readonly number[] | Error;
}

export class FakeClock {
  now = 0;
}

export const fakeDevice = () => ({ features: {}, without: [], findings: noFindings() }) as unknown as Device;

export class FakeCourse implements Course {
  readonly kernel: AnyKernel;
  readonly shape: object;
  readonly isNeeded: boolean;
  /** Ways that ran, in their order, and pairs that were timed. */
  readonly log: string[] = [];
  readonly #variants: readonly FakeVariant[];
  readonly #clock: FakeClock;

  constructor(variants: readonly FakeVariant[], { clock = new FakeClock(), name = 'k', isNeeded = true } = {}) {
    this.kernel = {
      name,
      variants: () => variants.map(({ way }) => ({ way })),
      order: ({ way }: FakeVariant) => this.#named(way).order ?? 'one',
      wgsl: () => '',
      overrides: () => ({}),
      workgroups: () => [1, 1, 1],
    };
    this.shape = { rows: 8 };
    this.isNeeded = isNeeded;
    this.#variants = variants;
    this.#clock = clock;
  }

  #named(way: string): FakeVariant {
    return this.#variants.find((each) => each.way === way) as FakeVariant;
  }

  async run(variant: object): Promise<Written> {
    const { way, compile = 10, writes = [1, 2] } = this.#named((variant as FakeVariant).way);
    this.#clock.now += compile;
    this.log.push(way);
    if (writes instanceof Error) throw writes;
    return { dst: Float32Array.from(writes) };
  }

  async time(variants: readonly [object, object], rounds: number): Promise<readonly [number, number]> {
    const [a, b] = variants.map((variant) => this.#named((variant as FakeVariant).way)) as [FakeVariant, FakeVariant];
    this.log.push(`${a.way} : ${b.way}`);
    this.#clock.now += rounds * (a.time + b.time);
    return [a.time, b.time];
  }
}
