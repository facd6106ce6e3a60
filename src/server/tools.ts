/** Tools in a chat's request, and calls in its answer, as OpenAI has them. */
import { z } from 'zod';
import {
  type ChatOptions,
  checkGrammar,
  GrammarError,
  type GrammarOptions,
  type ToolCall,
  type ToolCallDelta,
  type ToolCallForm,
  toolUseOf,
} from '../index.ts';
import { badRequest } from './errors.ts';

const maxTools = 128;

const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().min(1).max(64),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
});

export const toolFields = {
  tools: z.array(tool).max(maxTools).nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
};

type Asked = z.output<z.ZodObject<typeof toolFields>>;
type ToolOptions = Pick<ChatOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'>;

/** What `chat` is told of tools. */
export function toolOptions({ tools, tool_choice, parallel_tool_calls }: Asked): ToolOptions {
  if (!tools || tools.length === 0)
    return tool_choice && tool_choice !== 'auto' && tool_choice !== 'none' ? { toolChoice: tool_choice } : {};
  return {
    tools: tools as unknown as NonNullable<ToolOptions['tools']>, // their nulls are as good as nothing
    ...(tool_choice && { toolChoice: tool_choice }),
    ...(typeof parallel_tool_calls === 'boolean' && { parallelToolCalls: parallel_tool_calls }),
  };
}

/** 400 where the tools cannot be used as they are asked for. */
export function checkTools(options: ToolOptions, form: () => ToolCallForm, answer: GrammarOptions): void {
  try {
    if (options.tools || options.toolChoice) {
      const toolUse = toolUseOf(options, options.tools ? form() : 'json');
      if (toolUse) checkGrammar({ ...answer, toolUse });
    }
  } catch (error) {
    if (error instanceof GrammarError)
      throw badRequest(`tools: ${error.message}`, { param: 'tools', code: 'unsupported_value' });
    if (error instanceof RangeError)
      throw badRequest(error.message.replace('toolChoice', 'tool_choice'), { param: 'tool_choice' });
    throw error;
  }
}

/** `tool_calls` of a whole answer; nothing where it calls none. */
export function toldCalls(calls: readonly ToolCall[] | undefined): object {
  if (!calls || calls.length === 0) return {};
  return {
    tool_calls: calls.map(({ id, name, argumentsText }) => ({
      id,
      type: 'function',
      function: { name, arguments: argumentsText },
    })),
  };
}

/** `tool_calls` of a stream's piece; nothing where it tells of none. */
export function toldDeltas(deltas: readonly ToolCallDelta[]): object {
  if (deltas.length === 0) return {};
  return {
    tool_calls: deltas.map(({ index, id, name, arguments: more }) =>
      id === undefined
        ? { index, function: { arguments: more } }
        : { index, id, type: 'function', function: { name, arguments: more } },
    ),
  };
}

export const toolCallSchema = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});
