import { type Tool, type ToolCall, type ToolCallDelta, ToolCallReader, type ToolChoice } from '../chat/index.ts';
import type { GenerateResult, Token } from '../decoding/generate.ts';
import { callMarkers, type ToolUse } from '../grammar/index.ts';
import type { ChatResult } from './llm.ts';

/** What marks calls in a vocabulary: tokens that text does not show. */
interface Vocabulary {
  readonly controlTokens: ReadonlySet<number>;
  tokenText(token: number): string;
}

/** The tokens of an answer that may call tools: their text without the calls, which come in pieces beside it. */
export async function* readToolCalls(
  tokens: AsyncGenerator<Token, GenerateResult>,
  { tools }: ToolUse,
  vocabulary: Vocabulary,
): AsyncGenerator<Token, ChatResult> {
  const reader = new ToolCallReader(tools);
  const calls: { id: string; name: string; argumentsText: string }[] = [];
  const add = (deltas: readonly ToolCallDelta[]) => {
    for (const { index, id, name, arguments: more } of deltas) {
      if (id !== undefined && name !== undefined) calls[index] = { id, name, argumentsText: '' };
      (calls[index] as (typeof calls)[number]).argumentsText += more;
    }
  };
  try {
    for (;;) {
      const { value, done } = await tokens.next();
      if (done) {
        const [last, rest] = [reader.push(value.textEnd), reader.end()];
        const deltas = [...last.calls, ...rest.calls];
        add(deltas);
        const result = { ...value, textEnd: last.text + rest.text, toolCallsEnd: deltas };
        return calls.length > 0 ? { ...result, toolCalls: calls.map(parsed) } : result;
      }
      const { text, calls: deltas } = reader.push(markerOf(value.id, vocabulary) + value.text);
      add(deltas);
      yield { ...value, text, ...(deltas.length > 0 && { toolCalls: deltas }) };
    }
  } finally {
    await tokens.return(undefined as never);
  }
}

function markerOf(token: number, { controlTokens, tokenText }: Vocabulary): string {
  if (!controlTokens.has(token)) return '';
  const text = tokenText(token);
  return (callMarkers as readonly string[]).includes(text) ? text : '';
}

function parsed(call: { id: string; name: string; argumentsText: string }): ToolCall {
  return { ...call, arguments: argumentsOf(call.argumentsText) };
}

function argumentsOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The tools that the options name, as the answer may call them; undefined where there are none. Throws `RangeError`. */
export function toolUseOf(
  { tools = [], toolChoice = 'auto', parallelToolCalls }: ToolOptions,
  form: ToolUse['form'],
): ToolUse | undefined {
  const named = typeof toolChoice === 'object' ? toolChoice.function.name : undefined;
  const functions = tools.map((tool) => tool.function);
  if (toolChoice !== 'auto' && toolChoice !== 'none' && functions.length === 0) {
    throw new RangeError('toolChoice wants a call, and there are no tools');
  }
  const offered = named === undefined ? functions : functions.filter(({ name }) => name === named);
  if (named !== undefined && offered.length === 0) throw new RangeError(`there is no tool ${JSON.stringify(named)}`);
  if (toolChoice === 'none' || offered.length === 0) return undefined;
  const unnamed = offered.find(({ name }) => !/^[\w.-]{1,64}$/.test(name));
  if (unnamed)
    throw new RangeError(
      `a tool's name has letters, digits, _, . and -, 64 at most, not ${JSON.stringify(unnamed.name)}`,
    );
  return {
    form,
    tools: offered.map(({ name, parameters, strict }) => ({ name, parameters, strict })),
    isRequired: toolChoice !== 'auto',
    isParallel: parallelToolCalls ?? form !== 'llama3', // its templates know of one call in a turn
  };
}

/** What `chat` is told of tools. */
export interface ToolOptions<Tools extends readonly Tool[] = readonly Tool[]> {
  /** What the model may call; the template tells it, and what it calls stands in the result. Default: nothing. */
  tools?: Tools;
  /** Whether it calls a tool, must, or must not; or the one that it must call. Default `auto`. */
  toolChoice?: ToolChoice;
  /** Whether it may call several in one answer. Default true, but for models whose template knows of one. */
  parallelToolCalls?: boolean;
}
