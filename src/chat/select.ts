import type { Metadata } from '../gguf/metadata.ts';
import { ChatTemplateError } from './errors.ts';
import { ChatTemplate } from './template.ts';

/** For models whose file has the tokens of ChatML but no template. */
const CHATML = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

export interface TemplateChoice {
  /** `tokenizer.chat_template.NAME` instead of the default. */
  name?: string;
  /** With tools a template of the name `tool_use` is preferred, where there is one. */
  hasTools?: boolean;
}

/**
 * The chat template that a GGUF file carries, or ChatML where it has ChatML's tokens. Throws `ChatTemplateError` where it has
 * neither: a prompt in a made-up form would only seem to work.
 */
export function selectChatTemplate(metadata: Metadata, { name, hasTools = false }: TemplateChoice = {}): ChatTemplate {
  const key = 'tokenizer.chat_template';
  if (name !== undefined) {
    if (metadata.has(`${key}.${name}`)) return new ChatTemplate(metadata.string(`${key}.${name}`));
    const others = templateNames(metadata);
    throw new ChatTemplateError(
      `the file has no chat template named ${JSON.stringify(name)}; ${others.length > 0 ? `it has ${others.join(', ')}` : 'it has none by name'}`,
    );
  }
  if (hasTools && metadata.has(`${key}.tool_use`)) return new ChatTemplate(metadata.string(`${key}.tool_use`));
  if (metadata.has(key)) return new ChatTemplate(metadata.string(key));
  if (metadata.has(`${key}.default`)) return new ChatTemplate(metadata.string(`${key}.default`));
  if (hasChatMlTokens(metadata)) return new ChatTemplate(CHATML);
  throw new ChatTemplateError(
    'the file has no chat template (tokenizer.chat_template), so it is probably not a chat model; give one with --chat-template FILE',
  );
}

/** Names of the further templates: NAME of each `tokenizer.chat_template.NAME`. */
export function templateNames(metadata: Metadata): string[] {
  const prefix = 'tokenizer.chat_template.';
  return [...metadata.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

function hasChatMlTokens(metadata: Metadata): boolean {
  if (!metadata.has('tokenizer.ggml.tokens')) return false;
  const tokens = metadata.strings('tokenizer.ggml.tokens');
  return tokens.includes('<|im_start|>') && tokens.includes('<|im_end|>');
}
