import type { Device } from './device.ts';
import type { Workgroups } from './kernel.ts';
import type { Pace, Submitted } from './pace.ts';

/** Of GPU time: short enough for every watchdog, and for whoever wants to stop; long beside what a submission costs. */
const longestMilliseconds = 100;

interface Bound {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** Command buffers on their way to the queue: dispatches are encoded one by one and submitted when somebody says so. */
export class Submissions {
  readonly #device: Device;
  readonly #pace: Pace;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #encoded: Submitted[] = [];
  #milliseconds = 0;
  /** The submission before, until the GPU is done with it. */
  #running: Promise<number> = Promise.resolve(0);

  constructor(device: Device, pace: Pace) {
    this.#device = device;
    this.#pace = pace;
  }

  /** Whether what is encoded is as much as should be submitted at once. */
  get isLong(): boolean {
    return this.#milliseconds >= longestMilliseconds;
  }

  dispatch({ pipeline, bindGroup }: Bound, groups: Workgroups): void {
    this.#pass ??= this.#open().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(...groups);
    this.#encoded.push({ pipeline, groups });
    this.#milliseconds += this.#pace.estimate({ pipeline, groups });
  }

  /** Behind all dispatches so far. */
  encode(commands: (encoder: GPUCommandEncoder) => void): void {
    this.#endPass();
    commands(this.#open());
  }

  submit(): void {
    this.#endPass();
    if (this.#encoder) this.#device.gpu.queue.submit([this.#encoder.finish()]);
    this.#encoder = undefined;
    this.#encoded = [];
    this.#milliseconds = 0;
  }

  /** Submits, learns how long it takes, and resolves once the submission before it is done: the GPU never waits for the host. */
  async submitInTurn(): Promise<void> {
    const encoded = this.#encoded;
    this.submit();
    const { gpu, unlessLost } = this.#device;
    const before = this.#running;
    const submitted = performance.now();
    this.#running = Promise.all([before, unlessLost(gpu.queue.onSubmittedWorkDone())]).then(([started]) => {
      const done = performance.now();
      this.#pace.learn(encoded, done - Math.max(started, submitted));
      return done;
    });
    this.#running.catch(() => undefined); // whoever comes next hears of it
    await before;
  }

  #open(): GPUCommandEncoder {
    this.#encoder ??= this.#device.gpu.createCommandEncoder();
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}
