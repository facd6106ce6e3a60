import type { Metadata } from '../gguf/metadata.ts';
import { isEndText } from './control_texts.ts';
import { specialId, type Vocabulary } from './vocabulary.ts';

/** eos, eot and eom, and every control token whose text is known to end a turn: chat models stop on more than their `eos_token_id`. */
export function findStopTokens(metadata: Metadata, vocabulary: Vocabulary): Set<number> {
  const { texts, types } = vocabulary;
  const stops = new Set<number>();
  for (const name of ['eos', 'eot', 'eom']) {
    const id = specialId(metadata, name, name === 'eos' ? vocabulary.eosToken : undefined, texts.length);
    if (id !== undefined) stops.add(id);
  }
  const byText = new Map<string, number>();
  for (let id = 0; id < texts.length; id++) {
    if (isEndText(texts[id]!, types[id]!)) byText.set(texts[id]!, id);
  }
  // With these two, <|end|> only closes a channel and the model goes on (gpt-oss, Solar Open).
  const endClosesChannel =
    (byText.has('<|return|>') && byText.has('<|call|>')) || (byText.has('<|calls|>') && byText.has('<|flush|>'));
  if (endClosesChannel) byText.delete('<|end|>');
  for (const id of byText.values()) stops.add(id);
  return stops;
}
