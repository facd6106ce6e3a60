import { Model, type ModelOptions } from '../decoding/model.ts';
import { DraftModel } from '../decoding/speculation/draft_model.ts';
import type { Gguf } from '../gguf/gguf.ts';
import type { Device } from '../gpu/device.ts';
import { ConfigError } from '../models/config.ts';
import { type ModelHeader, readHeader } from '../models/load.ts';
import { wholeBytes } from '../models/memory.ts';

/** The file of a small model that guesses what a large one says next, and how it comes onto a device. */
export class Draft {
  readonly gguf: Gguf;
  readonly model = new DraftModel();
  readonly #header: ModelHeader;

  /** `ConfigError` where its vocabulary is not that of `large`. */
  constructor(gguf: Gguf, large: Gguf) {
    requireSameVocabulary(gguf, large);
    this.gguf = gguf;
    this.#header = readHeader(gguf);
  }

  /** What it takes where all of it is resident, in bytes. */
  get wholeBytes(): number {
    return wholeBytes(this.#header);
  }

  /** Loads it, in place of what was loaded before; resolves to the GPU memory that it takes, in bytes. */
  async load(device: Device, budgetBytes: number | undefined, large: ModelOptions): Promise<number> {
    const { precision, sequences, contextLength, tune, signal } = large;
    const model = await Model.load(this.#header, device, budgetBytes, {
      ...(precision && { precision }),
      ...(sequences !== undefined && { sequences }),
      ...(contextLength !== undefined && { contextLength }),
      ...(tune && { tune }),
      ...(signal && { signal }),
    });
    await this.model.use(model);
    return model.memory.gpuBytes;
  }
}

/** Ids go from one model to the other as they are. */
function requireSameVocabulary(draft: Gguf, large: Gguf): void {
  const [ours, theirs] = [draft, large].map(({ metadata }) => metadata.strings('tokenizer.ggml.tokens'));
  const count = Math.max(ours?.length ?? 0, theirs?.length ?? 0);
  for (let id = 0; id < count; id++) {
    if (ours?.[id] === theirs?.[id]) continue;
    const named = (piece: string | undefined) => (piece === undefined ? 'missing' : JSON.stringify(piece));
    throw new ConfigError(
      `the draft model has another vocabulary: token ${id} is ${named(ours?.[id])} there and ${named(theirs?.[id])} in the model; take one of the same family`,
    );
  }
}
