import { DeviceLostError } from '../gpu/errors.ts';
import type { Model } from './model.ts';

/** Milliseconds after a recovery within which another loss is one too many. */
const recoveryPause = 60_000;
/** Milliseconds that a device's loss may be told after what fails by it. */
const lossDelay = 100;

/** Keeps a model open: when its device is lost, device and weights are made anew. */
export class Recovery {
  readonly #reopen: (() => Promise<Model>) | undefined;
  readonly #onRecovered: () => void;
  #model: Model;
  #recovering: Promise<void> | undefined;
  /** Attempts that failed, the last of them with this. */
  #failedCount = 0;
  #failure: unknown;
  #lastRecovery = Number.NEGATIVE_INFINITY;
  #closed: Error | undefined;

  /** `onRecovered` is called when another model has taken the place of the lost one. */
  constructor(model: Model, reopen: (() => Promise<Model>) | undefined, onRecovered: () => void) {
    this.#model = model;
    this.#reopen = reopen;
    this.#onRecovered = onRecovered;
  }

  get model(): Model {
    return this.#model;
  }

  /**
   * After `error` on `model`: resolves when another has taken its place, at once where one has already. Rejects with
   * `error` if the device is not lost, and with why the model cannot be opened again.
   */
  async recover(model: Model, error: Error): Promise<void> {
    const failedCount = this.#failedCount;
    const loss = await lossOf(model, error);
    if (this.#closed) throw this.#closed;
    if (model !== this.#model) return;
    if (!loss) throw error;
    if (failedCount !== this.#failedCount) throw this.#failure; // meanwhile, and by the same loss
    this.#recovering ??= this.#rebuild(loss).finally(() => {
      this.#recovering = undefined;
    });
    await this.#recovering;
  }

  async #rebuild(loss: DeviceLostError): Promise<void> {
    try {
      if (!this.#reopen) throw loss;
      if (performance.now() - this.#lastRecovery < recoveryPause) {
        throw new DeviceLostError(`${loss.message}; it is the second loss within a minute: try a smaller load`);
      }
      await this.#model.destroy();
      const model = await this.#reopen();
      if (this.#closed) {
        await model.destroy();
        model.device.destroy();
        throw this.#closed;
      }
      this.#lastRecovery = performance.now();
      this.#model = model;
      this.#onRecovered();
    } catch (error) {
      this.#failedCount++;
      this.#failure = error;
      throw error;
    }
  }

  /** Frees the model; what is under way hears `reason`. Resolves when nothing of it is in use any more. */
  async close(reason: Error): Promise<void> {
    this.#closed = reason;
    await this.#model.destroy();
  }
}

/** The loss of the device behind `error`, if there is one: what fails on a lost device may be told before the loss is. */
async function lossOf({ device }: Model, error: Error): Promise<DeviceLostError | undefined> {
  if (error instanceof DeviceLostError) return error;
  const later = new Promise<undefined>((resolve) => setTimeout(resolve, lossDelay));
  return device.unlessLost(later).catch((loss) => loss);
}
