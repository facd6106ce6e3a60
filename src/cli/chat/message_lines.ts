/** What the user sends at once. */
export interface Message {
  readonly text: string;
  /** Written as a block: never a /command. */
  readonly isBlock: boolean;
}

const FENCE = '"""';

/** Puts lines together to messages: a line that ends with `\` goes on, and so does all between `"""` and `"""`. */
export class MessageLines {
  #lines: string[] = [];
  #isBlock = false;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** `pasted`: more lines come with it. Returns the message that the line completes. */
  push(line: string, pasted = false): Message | undefined {
    if (this.isEmpty && line.trimStart().startsWith(FENCE)) {
      this.#isBlock = true;
      return this.#pushToBlock(line.trimStart().slice(FENCE.length));
    }
    if (this.#isBlock) return this.#pushToBlock(line);
    const goesOn = !pasted && line.endsWith('\\');
    this.#lines.push(goesOn ? line.slice(0, -1) : line);
    return goesOn || pasted ? undefined : this.#take(this.#lines.join('\n'));
  }

  clear(): void {
    this.#lines = [];
    this.#isBlock = false;
  }

  #pushToBlock(line: string): Message | undefined {
    const end = line.trimEnd();
    const isLast = end.endsWith(FENCE);
    this.#lines.push(isLast ? end.slice(0, -FENCE.length) : line);
    // The fences' own lines are no part of the text.
    return isLast ? this.#take(this.#lines.join('\n').replace(/^\n|\n$/g, '')) : undefined;
  }

  #take(text: string): Message {
    const message = { text, isBlock: this.#isBlock };
    this.clear();
    return message;
  }
}
