import { TokenType } from './token_type.ts';

/** Texts that end a turn or a generation in models of wide use. */
const END_TEXTS = new Set([
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|calls|>',
  '<|flush|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<turn|>',
  '<|tool_response>',
  '<｜end▁of▁sentence｜>',
  '<|fim_pad|>',
  '<fim-pad>',
  '<fim_pad>',
  '<|fim_repo|>',
  '<|repo_name|>',
  '<fim-repo>',
  '<|file_sep|>',
  '_<EOT>',
  '▁<EOT>',
]);

/** As above, but short enough to be a piece of ordinary text too: believed only where the file calls them special. */
const AMBIGUOUS_END_TEXTS = new Set(['</s>', '<eos>', '<EOT>', '[EOT]', '[EOS]', '[e~[']);

/** Texts that open a turn or a part of one. Some converters mark these as user-defined. */
const OPENING_TEXTS = new Set([
  '<|im_start|>',
  '<|begin_of_text|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<start_of_turn>',
  '<|start_of_role|>',
  '<|end_of_role|>',
  '<｜begin▁of▁sentence｜>',
  '<｜User｜>',
  '<｜Assistant｜>',
]);

/** Whether a token is control by its text, whatever type the converter wrote: untrusted text must never become it. */
export function isControlText(text: string, type: number): boolean {
  return END_TEXTS.has(text) || OPENING_TEXTS.has(text) || (AMBIGUOUS_END_TEXTS.has(text) && isSpecial(type));
}

/** Whether generation ends on a token of this text. */
export function isEndText(text: string, type: number): boolean {
  return END_TEXTS.has(text) || (AMBIGUOUS_END_TEXTS.has(text) && isSpecial(type));
}

function isSpecial(type: number): boolean {
  return type === TokenType.control || type === TokenType.userDefined;
}
