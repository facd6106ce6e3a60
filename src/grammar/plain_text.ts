/**
 * Most tokens are plain text, which a JSON string takes without a look at each of them: where a machine's state lets any
 * such characters follow, they are all allowed at once.
 */

import { plainPoints } from './json/strings.ts';
import { dead, type Machine } from './machine.ts';
import { type ByteRange, utf8Ranges } from './utf8.ts';

/** Characters of a token that counts as plain, at most. */
export const maxPlainLength = 32;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether a token's bytes are whole characters, and plain ones, and not too many. */
export function isPlain(bytes: Uint8Array): boolean {
  if (bytes.length > 4 * maxPlainLength) return false;
  try {
    const points = [...strict.decode(bytes)].map((character) => character.codePointAt(0) as number);
    const areAll = points.every((point) => plainPoints.some(([first, last]) => first <= point && point <= last));
    return areAll && points.length <= maxPlainLength;
  } catch {
    return false;
  }
}

const sequences = utf8Ranges(plainPoints);

/** Finds the states of a machine after which any plain text may follow. */
export class PlainText {
  readonly #machine: Machine;
  /** By state: the one after a plain character. */
  readonly #next = new Map<number, number>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /**
   * Where every plain text of `maxPlainLength` characters may follow: bytes to the nearest end behind the one that leads
   * farthest from it. Undefined where some may not.
   */
  farthest(state: number): number | undefined {
    let distance = 0;
    for (let [length, at] = [0, state]; length < maxPlainLength; length++) {
      const next = this.#after(at);
      if (next === dead) return undefined;
      distance = Math.max(distance, this.#machine.distance(next));
      if (next === at) break;
      at = next;
    }
    return distance;
  }

  /** The one state that every plain character leads to; `dead` where there is none. */
  #after(state: number): number {
    let next = this.#next.get(state);
    if (next === undefined) {
      const reached = new Set<number>();
      for (const ranges of sequences) this.#follow(state, ranges, reached);
      next = reached.size === 1 ? ([...reached][0] as number) : dead;
      this.#next.set(state, next);
    }
    return next;
  }

  #follow(state: number, [range, ...others]: readonly ByteRange[], reached: Set<number>): void {
    const between = new Set<number>();
    const [first, last] = range as ByteRange;
    for (let byte = first; byte <= last; byte++) {
      between.add(this.#machine.step(state, byte));
      if (reached.size > 1) return;
    }
    for (const each of between) {
      if (others.length === 0 || each === dead) reached.add(each);
      else this.#follow(each, others, reached);
    }
  }
}
