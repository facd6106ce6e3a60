/** Conversations with tools, as a template takes them. */
import type { ToolCallForm } from '../../grammar/index.ts';
import type { ChatMessage, Conversation } from '../chat.ts';

/** How a model writes its calls, as its template shows; ChatML's way where it tells of no tools. */
export function toolCallForm(template: string): ToolCallForm {
  if (template.includes('[TOOL_CALLS]')) return template.includes('[ARGS]') ? 'mistral_args' : 'mistral';
  if (template.includes('<parameter=')) return 'qwen3_coder';
  if (template.includes('<tool_call>') || !knowsTools(template)) return 'hermes';
  if (template.includes('<|tool_call|>')) return 'granite';
  return template.includes('"parameters": ') ? 'llama3' : 'json';
}

/** Tools and calls in words that the template knows: arguments are objects, and where it knows no tools, all is text. */
export function withTools(conversation: Conversation, template: string): Conversation {
  const { tools, ...others } = conversation;
  const messages = conversation.messages.map(withObjects);
  const isUsed = (tools?.length ?? 0) > 0 || messages.some(({ role, tool_calls }) => role === 'tool' || tool_calls);
  if (!isUsed || knowsTools(template)) return { ...conversation, messages };
  const told = messages.map(asText);
  if (!tools?.length) return { ...others, messages: told };
  const [first] = told;
  const system = first?.role === 'system' ? `${first.content}\n\n${described(tools)}` : described(tools);
  return {
    ...others,
    messages: [{ role: 'system', content: system }, ...(first?.role === 'system' ? told.slice(1) : told)],
  };
}

function knowsTools(template: string): boolean {
  return /\btools\b/.test(template);
}

const described = (
  tools: readonly unknown[],
) => `You may call functions to answer. Their signatures stand in <tools></tools>:
<tools>
${tools.map((tool) => JSON.stringify(tool)).join('\n')}
</tools>
For each call write a JSON object with the function's name and its arguments in <tool_call></tool_call>:
<tool_call>
{"name": "…", "arguments": {…}}
</tool_call>`;

interface Call {
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown };
}

/** Arguments that are JSON in a string become what they say; no calls at all are left out. */
function withObjects({ tool_calls, ...message }: ChatMessage): ChatMessage {
  if (!Array.isArray(tool_calls) || tool_calls.length === 0) return message as ChatMessage;
  const calls = tool_calls.map((call: Call) =>
    call?.function ? { ...call, function: { ...call.function, arguments: parsed(call.function.arguments) } } : call,
  );
  return { ...message, tool_calls: calls } as ChatMessage;
}

function parsed(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

function asText({ tool_calls, ...message }: ChatMessage): ChatMessage {
  if (message.role === 'tool')
    return { role: 'user', content: `<tool_response>\n${message.content}\n</tool_response>` };
  if (!Array.isArray(tool_calls)) return message as ChatMessage;
  const calls = tool_calls.map(({ function: called }: Call) => {
    return `<tool_call>\n${JSON.stringify({ name: called?.name, arguments: called?.arguments })}\n</tool_call>`;
  });
  return { ...message, content: [message.content, ...calls].filter(Boolean).join('\n') } as ChatMessage;
}
