/** One turn. Beside role and content stands whatever the template looks for: tool_calls, name, reasoning_content, … */
export interface ChatMessage {
  /** Whose turn it is, in the template's words: as a rule `system`, `user`, `assistant` or `tool`. */
  role: string;
  /** Text, or parts such as `{ type: 'text', text }` for templates that take them. */
  content?: string | readonly unknown[] | null;
  [key: string]: unknown;
}

/** All that a template is given; further keys, such as `enable_thinking`, become its variables. */
export interface Conversation {
  messages: readonly ChatMessage[];
  tools?: readonly unknown[] | null;
  documents?: readonly unknown[] | null;
  /** End with the opening of the assistant's turn. Default false. */
  add_generation_prompt?: boolean;
  [key: string]: unknown;
}

export interface RenderOptions {
  /** Texts of the model's BOS and EOS, which templates print. Default ''. */
  bosText?: string;
  eosText?: string;
  /** What `strftime_now` tells. Default the present. */
  now?: Date;
  /** Texts of control tokens. Where a message has one, it is marked as untrusted in the result. Default none. */
  controlTexts?: Iterable<string>;
}

export interface RenderedPrompt {
  readonly text: string;
  /** Ranges [start, end) of `text`, UTF-16 units, in which no control token may lie: the tokenizer's `untrusted`. */
  readonly untrusted: readonly (readonly [start: number, end: number])[];
}
