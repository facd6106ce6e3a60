import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { closeGguf } from '../gguf/open.ts';
import { openModel } from '../runtime/node_file.ts';
import { createTokenizer, type SpacePrefix, type Tokenizer } from '../tokenizer/index.ts';
import { print, runCommand, UsageError } from './command.ts';

const usage = `usage: webgguf tokenize -m MODEL (-p TEXT | --texts FILE.json) [options]

The ids of each text, divided by spaces, a line per text. FILE holds a JSON array of strings or of objects with "text".

  --parse-special        text such as <|im_start|> becomes its control token
  --bos                  add BOS and EOS as the model's file says
  --space-prefix WHERE   never, first or afterSpecial (default: what the file says)
  --nfc                  bring texts to Unicode's NFC first`;

/** Options that shape the tokenizer itself, for every command that opens one. */
export const tokenizerArgs = {
  model: { type: 'string', short: 'm' },
  'space-prefix': { type: 'string' },
  nfc: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        ...tokenizerArgs,
        prompt: { type: 'string', short: 'p' },
        texts: { type: 'string' },
        'parse-special': { type: 'boolean' },
        bos: { type: 'boolean' },
      },
    });
    if ((values.prompt === undefined) === (values.texts === undefined)) {
      throw new UsageError('give the text with -p, or a file of texts with --texts');
    }
    const tokenizer = await openTokenizer(values);
    const texts = values.texts === undefined ? [values.prompt!] : await readTexts(values.texts);
    const options = { addSpecial: values.bos ?? false, parseSpecial: values['parse-special'] ?? false };
    await print(texts.map((text) => `${tokenizer.encode(text, options).join(' ')}\n`).join(''));
  });
}

/** Reads the model's header and closes it again. */
export async function openTokenizer(values: {
  model?: string | undefined;
  'space-prefix'?: string | undefined;
  nfc?: boolean | undefined;
}): Promise<Tokenizer> {
  if (values.model === undefined) throw new UsageError('name the model with -m');
  const spacePrefix = parseSpacePrefix(values['space-prefix']);
  const gguf = await openModel(values.model);
  try {
    return createTokenizer(gguf.metadata, {
      nfc: values.nfc ?? false,
      ...(spacePrefix && { spacePrefix }),
      onWarning: (message) => console.error(`warning: ${message}`),
    });
  } finally {
    await closeGguf(gguf);
  }
}

function parseSpacePrefix(value: string | undefined): SpacePrefix | undefined {
  if (value === undefined || value === 'never' || value === 'first' || value === 'afterSpecial') return value;
  throw new UsageError(`--space-prefix is never, first or afterSpecial, not ${JSON.stringify(value)}`);
}

async function readTexts(path: string): Promise<string[]> {
  const json: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (!Array.isArray(json)) throw new Error(`${path}: a JSON array of texts is needed`);
  return json.map((item: unknown, i) => {
    if (typeof item === 'string') return item;
    const text = (item as { text?: unknown } | null)?.text;
    if (typeof text !== 'string') throw new Error(`${path}: entry ${i} is neither a string nor an object with "text"`);
    return text;
  });
}
