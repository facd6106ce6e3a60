/** Answers that may call tools, or must, in the forms that models were trained on; arguments are those of the tool's schema. */
import { anyPoint, pointsOf, without } from './code_points.ts';
import { GrammarError } from './errors.ts';
import { choice, type Expression, type Grammar, oneOf, optional, repeat, rule, sequence, text } from './expression.ts';
import { anyObjectSchema, jsonGrammar } from './json/schema.ts';
import type { JsonSchema } from './options.ts';

/** How a model writes its calls. */
export type ToolCallForm =
  /** `<tool_call>{"name": …, "arguments": …}</tool_call>`: Hermes, Qwen, ChatML */
  | 'hermes'
  /** `{"name": …, "parameters": …}` */
  | 'llama3'
  /** `[TOOL_CALLS][{"name": …, "arguments": …}]` */
  | 'mistral'
  /** `[TOOL_CALLS]name[ARGS]{…}` */
  | 'mistral_args'
  /** `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>` */
  | 'qwen3_coder'
  /** `<|tool_call|>[{"name": …, "arguments": …}]` */
  | 'granite'
  /** `{"name": …, "arguments": …}` */
  | 'json';

export interface ToolFunction {
  /** By which it is called. */
  readonly name: string;
  /** What the model is told of it. */
  readonly description?: string | undefined;
  /** Of its arguments, which are an object. Default: any. */
  readonly parameters?: JsonSchema | undefined;
  /** Whether a schema that cannot be enforced is an error. Default: arguments are then any object. */
  readonly strict?: boolean | null | undefined;
}

/** Which tools an answer may call. */
export interface ToolUse {
  /** How calls are written. */
  readonly form: ToolCallForm;
  /** Those that may be called. */
  readonly tools: readonly ToolFunction[];
  /** Whether it must call one. */
  readonly isRequired: boolean;
  /** Whether it may call several. */
  readonly isParallel: boolean;
}

/** Calls of one answer, at most. */
const maxCalls = 16;

/** Texts that stand around calls; in many vocabularies they are control tokens. */
export const callMarkers = [
  '<tool_call>',
  '</tool_call>',
  '[TOOL_CALLS]',
  '[ARGS]',
  '<|python_tag|>',
  '<|tool_call|>',
] as const;

/** `answer`: the form of an answer that calls nothing. Default: any text. */
export function toolGrammar(use: ToolUse, answer?: Grammar): Grammar {
  const builder = new Builder();
  const calls = builder.calls(use);
  if (use.isRequired) builder.rules.set('root', calls);
  else if (answer) builder.rules.set('root', choice(calls, builder.embedded(answer, 'answer ')));
  else builder.rules.set('root', builder.textAndCalls(use.form, calls));
  return { root: 'root', rules: builder.rules };
}

const blank = optional(text(' '));
const newline = optional(text('\n'));

class Builder {
  readonly rules = new Map<string, Expression>();

  calls({ form, tools, isParallel }: ToolUse): Expression {
    const call = choice(...tools.map((tool, i) => this.#call(form, tool, `tool ${i} `)));
    this.rules.set('call', call);
    const more = (separator: Expression) => repeat(sequence(separator, rule('call')), 0, isParallel ? maxCalls - 1 : 0);
    switch (form) {
      case 'hermes':
      case 'qwen3_coder':
        return sequence(rule('call'), more(newline), newline);
      case 'mistral':
      case 'granite': {
        const marker = form === 'mistral' ? '[TOOL_CALLS]' : '<|tool_call|>';
        return sequence(text(marker), blank, text('['), rule('call'), more(sequence(text(','), blank)), text(']'));
      }
      case 'mistral_args':
        return sequence(rule('call'), more(text('')));
      default:
        return sequence(optional(text('<|python_tag|>')), rule('call'), more(sequence(text(';'), blank)));
    }
  }

  /** Text, and calls behind it where the form can tell them apart; otherwise one of the two. */
  textAndCalls(form: ToolCallForm, calls: Expression): Expression {
    if (form !== 'llama3' && form !== 'json') {
      const marker =
        form === 'hermes' || form === 'qwen3_coder'
          ? '<tool_call>'
          : form === 'granite'
            ? '<|tool_call|>'
            : '[TOOL_CALLS]';
      return sequence(this.#textWithout(marker), optional(calls));
    }
    const rest = repeat(oneOf(anyPoint), 0);
    const first = oneOf(without(anyPoint, pointsOf('{<; \n\t')));
    return choice(
      calls,
      text(''),
      sequence(choice(first, sequence(text('<'), oneOf(without(anyPoint, pointsOf('|'))))), rest),
    );
  }

  #call(form: ToolCallForm, tool: ToolFunction, prefix: string): Expression {
    if (form === 'qwen3_coder') return this.#taggedCall(tool, prefix);
    const parameters = this.embedded(this.#parameters(tool), prefix);
    if (form === 'mistral_args') return sequence(text(`[TOOL_CALLS]${tool.name}[ARGS]`), parameters);
    const key = form === 'llama3' ? '"parameters"' : '"arguments"';
    const name = sequence(text('"name":'), blank, text(`${JSON.stringify(tool.name)},`));
    const object = sequence(text('{'), blank, name, blank, text(`${key}:`), blank, parameters, blank, text('}'));
    return form === 'hermes' ? sequence(text('<tool_call>'), newline, object, newline, text('</tool_call>')) : object;
  }

  #parameters({ name, parameters, strict }: ToolFunction): Grammar {
    try {
      return jsonGrammar(parameters ?? anyObjectSchema);
    } catch (error) {
      if (!(error instanceof GrammarError)) throw error;
      if (strict) throw new GrammarError(`tool ${name}: ${error.message}`);
      return jsonGrammar(anyObjectSchema);
    }
  }

  #taggedCall(tool: ToolFunction, prefix: string): Expression {
    const schema = typeof tool.parameters === 'object' ? tool.parameters : {};
    const {
      properties = {},
      required = [],
      $defs,
    } = schema as { properties?: Record<string, JsonSchema>; required?: string[]; $defs?: object };
    this.#parameters(tool); // says what cannot be enforced
    const items = Object.entries(properties).map(([key, property], i) => {
      const isText = typeof property === 'object' && property.type === 'string' && !('enum' in property);
      const own = {
        name: tool.name,
        parameters: typeof property === 'object' ? { ...property, ...($defs && { $defs }) } : property,
      };
      const value = isText
        ? this.#textWithout('\n</parameter>')
        : this.embedded(this.#anyParameters(own), `${prefix}${i} `);
      const item = sequence(text(`<parameter=${key}>\n`), value, text('\n</parameter>\n'));
      return required.includes(key) ? item : optional(item);
    });
    return sequence(text(`<tool_call>\n<function=${tool.name}>\n`), ...items, text('</function>\n</tool_call>'));
  }

  #anyParameters(own: ToolFunction): Grammar {
    try {
      return jsonGrammar(own.parameters ?? true);
    } catch {
      return jsonGrammar(true);
    }
  }

  /** The root of another grammar, whose rules get names of their own. */
  embedded({ root, rules }: Grammar, prefix: string): Expression {
    const renamed = (expression: Expression): Expression => {
      if (expression.kind === 'rule') return rule(prefix + expression.name);
      if (expression.kind === 'repeat') return { ...expression, item: renamed(expression.item) };
      return 'items' in expression ? { ...expression, items: expression.items.map(renamed) } : expression;
    };
    for (const [name, expression] of rules) this.rules.set(prefix + name, renamed(expression));
    return rule(prefix + root);
  }

  /** Any text that a marker is no part of; each rule knows how much of the marker has just been said. */
  #textWithout(marker: string): Expression {
    const name = (said: number) => `${said} of ${marker}`;
    for (let said = 0; said < marker.length && !this.rules.has(name(marker.length - 1)); said++) {
      const begun = marker.slice(0, said);
      const after = (character: string) => {
        let length = Math.min(marker.length, said + 1);
        while (!`${begun}${character}`.endsWith(marker.slice(0, length))) length--;
        return length;
      };
      const known = [...new Set(marker)];
      const onward = known.filter((character) => after(character) < marker.length);
      this.rules.set(
        name(said),
        choice(
          text(''),
          sequence(oneOf(without(anyPoint, pointsOf(marker))), rule(name(0))),
          ...onward.map((character) => sequence(text(character), rule(name(after(character))))),
        ),
      );
    }
    return rule(name(0));
  }
}
