import { DeviceLostError, OutOfMemoryError } from '../gpu/errors.ts';
import type { Model } from './model.ts';

/** Milliseconds after a recovery within which another loss is one too many. */
const recoveryPause = 60_000;
/** Milliseconds that a device's loss may be told after what fails by it. */
const lossDelay = 100;

/** Opens device and model again; `budgetBytes`: with less GPU memory than before. */
export type Reopen = (budgetBytes?: number) => Promise<Model>;

/**
 * Keeps a model open: when its device is lost, device and weights are made anew; when an allocation fails, with fewer
 * weights resident.
 */
export class Recovery {
  readonly #reopen: Reopen | undefined;
  readonly #onRecovered: () => void;
  #model: Model;
  #recovering: Promise<void> | undefined;
  /** Attempts that failed, the last of them with this. */
  #failedCount = 0;
  #failure: unknown;
  #lastRecovery = Number.NEGATIVE_INFINITY;
  #closed: Error | undefined;

  /** `onRecovered` is called when another model has taken the place of the lost one. */
  constructor(model: Model, reopen: Reopen | undefined, onRecovered: () => void) {
    this.#model = model;
    this.#reopen = reopen;
    this.#onRecovered = onRecovered;
  }

  get model(): Model {
    return this.#model;
  }

  /**
   * After `error` on `model`: resolves when another has taken its place, at once where one has already. Rejects with
   * `error` where it is neither a loss nor a lack of memory that fewer resident weights would help, and with why the model
   * cannot be opened again.
   */
  async recover(model: Model, error: Error): Promise<void> {
    const failedCount = this.#failedCount;
    const isOutOfMemory = error instanceof OutOfMemoryError;
    const loss = isOutOfMemory ? undefined : await lossOf(model, error);
    if (this.#closed) throw this.#closed;
    if (model !== this.#model) return;
    const budgetBytes = isOutOfMemory ? model.smallerBudget : undefined;
    if (!loss && budgetBytes === undefined) throw error;
    if (failedCount !== this.#failedCount) throw this.#failure; // meanwhile, and by the same cause
    this.#recovering ??= this.#rebuild(loss ?? error, budgetBytes).finally(() => {
      this.#recovering = undefined;
    });
    await this.#recovering;
  }

  async #rebuild(cause: Error, budgetBytes: number | undefined): Promise<void> {
    try {
      if (!this.#reopen) throw cause;
      if (budgetBytes === undefined && performance.now() - this.#lastRecovery < recoveryPause) {
        throw new DeviceLostError(`${cause.message}; it is the second loss within a minute: try a smaller load`);
      }
      await this.#model.destroy();
      if (budgetBytes !== undefined) this.#model.device.destroy(); // the next one gets all that it held
      const model = await this.#reopen(budgetBytes);
      if (this.#closed) {
        await model.destroy();
        model.device.destroy();
        throw this.#closed;
      }
      if (budgetBytes === undefined) this.#lastRecovery = performance.now();
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
