import type { Metadata } from '../gguf/metadata.ts';
import type { ToolCallForm } from '../grammar/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { Conversation } from './chat.ts';
import { selectChatTemplate } from './select.ts';
import { ChatTemplate } from './template.ts';
import { toolCallForm, withTools } from './tools/prompt.ts';

/** Conversations to token ids, by one model's template and vocabulary. */
export class ChatEncoder {
  readonly #metadata: Metadata;
  readonly #tokenizer: Tokenizer;
  readonly #controlTexts: readonly string[];
  readonly #given: ChatTemplate | undefined;

  /** `source`: a template instead of the file's; throws `ChatTemplateError` where it cannot be parsed. */
  constructor(metadata: Metadata, tokenizer: Tokenizer, source?: string) {
    this.#metadata = metadata;
    this.#tokenizer = tokenizer;
    this.#controlTexts = [...tokenizer.controlTokens].map((token) => tokenizer.tokenText(token));
    this.#given = source === undefined ? undefined : new ChatTemplate(source);
  }

  /**
   * The prompt of `conversation`, with one BOS where the template or the file asks for it. What messages say never becomes
   * a control token. Throws `ChatTemplateError` where there is no template, or it refuses the conversation.
   */
  encode(conversation: Conversation): number[] {
    const hasTools = (conversation.tools?.length ?? 0) > 0;
    const template = this.#template(hasTools);
    const { bosToken, eosToken } = this.#tokenizer;
    const { text, untrusted } = template.render(withTools(conversation, template.source), {
      bosText: this.#textOf(bosToken),
      eosText: this.#textOf(eosToken),
      controlTexts: this.#controlTexts,
    });
    // Not addSpecial: where the file asks for an EOS too, it would end the turn that the model is to write.
    return this.#withOneBos(this.#tokenizer.encode(text, { addSpecial: false, parseSpecial: true, untrusted }));
  }

  /** How the model writes calls of tools. */
  get toolCallForm(): ToolCallForm {
    return toolCallForm(this.#template(true).source);
  }

  #template(hasTools: boolean): ChatTemplate {
    return this.#given ?? selectChatTemplate(this.#metadata, { hasTools });
  }

  #textOf(token: number | undefined): string {
    return token === undefined ? '' : this.#tokenizer.tokenText(token);
  }

  #withOneBos(tokens: number[]): number[] {
    const { bosToken } = this.#tokenizer;
    if (bosToken === undefined) return tokens;
    let bosCount = 0;
    while (tokens[bosCount] === bosToken) bosCount++;
    const fileAsks = this.#tokenizer.encode('')[0] === bosToken;
    return bosCount > 0 || fileAsks ? [bosToken, ...tokens.slice(bosCount)] : tokens;
  }
}
