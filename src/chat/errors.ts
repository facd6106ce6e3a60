/** A chat template that cannot be read or rendered, or refuses the conversation; the message says which and why. */
export class ChatTemplateError extends Error {
  override name = 'ChatTemplateError';
}
