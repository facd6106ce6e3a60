import type { Conversation, RenderedPrompt, RenderOptions } from './chat.ts';
import { ChatTemplateError } from './errors.ts';
import { Guard } from './guard.ts';
import type { Node } from './jinja/ast.ts';
import { render } from './jinja/interpreter.ts';
import { parseTemplate } from './jinja/parse.ts';
import { toValue } from './jinja/to_value.ts';
import type { Value } from './jinja/values.ts';

/** A chat template, parsed; it makes a conversation into the prompt that the model was trained on. */
export class ChatTemplate {
  readonly source: string;
  readonly #program: Node;

  /** `source`: Jinja, as in `tokenizer.chat_template`. Throws `ChatTemplateError` where it cannot be parsed. */
  constructor(source: string) {
    this.source = source;
    this.#program = parseTemplate(source);
  }

  /** Throws `ChatTemplateError` where the template fails, refuses the conversation, or takes too long. */
  render(conversation: Conversation, options: RenderOptions = {}): RenderedPrompt {
    const { bosText = '', eosText = '', now = new Date(), controlTexts = [] } = options;
    try {
      const guard = new Guard(controlTexts, this.source + JSON.stringify(conversation));
      const variables = new Map<string, Value>([
        ['bos_token', bosText],
        ['eos_token', eosText],
        ['tools', null],
        ['documents', null],
        ['add_generation_prompt', false],
      ]);
      for (const [key, value] of Object.entries(conversation)) {
        if (value !== undefined) variables.set(key, toValue(value, guard));
      }
      return guard.unmark(render(this.#program, { variables, now, guard: guard.character }));
    } catch (error) {
      if (error instanceof RangeError)
        throw new ChatTemplateError('the chat template is nested too deeply', { cause: error });
      throw error;
    }
  }
}
