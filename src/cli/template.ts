import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ChatTemplate, type Conversation, parseJson, selectChatTemplate } from '../chat/index.ts';
import { closeGguf } from '../gguf/open.ts';
import { openModel } from '../runtime/node_file.ts';
import { createTokenizer } from '../tokenizer/index.ts';
import { printExactly, runCommand, UsageError } from './command.ts';

const usage = `usage: webgguf template (-m MODEL | --template FILE) --messages FILE.json [options]

The prompt that the chat template makes of a conversation, byte for byte (on a terminal a newline follows). FILE.json holds
a list of messages, which ends with the opening of the assistant's turn, or an object with messages, tools,
add_generation_prompt (default false) and whatever else the template looks for.

  --chat-template FILE   this template instead of the model's
  --name NAME            the model's tokenizer.chat_template.NAME
  --bos TEXT, --eos TEXT what a model's file would say (default with -m: what it says)
  --now DATE             what strftime_now tells: 2026-01-15 or 2026-01-15T10:30:00, local time`;

export async function run(args: string[]): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({
      args,
      options: {
        model: { type: 'string', short: 'm' },
        template: { type: 'string' },
        'chat-template': { type: 'string' },
        name: { type: 'string' },
        messages: { type: 'string' },
        bos: { type: 'string' },
        eos: { type: 'string' },
        now: { type: 'string' },
      },
    });
    if (values.messages === undefined) throw new UsageError('give the conversation with --messages');
    const file = values.template ?? values['chat-template'];
    if (values.model === undefined && file === undefined)
      throw new UsageError('name a model with -m, or a template with --template');
    const now = values.now === undefined ? new Date() : parseDate(values.now);

    const conversation = await readConversation(values.messages);
    const model = values.model === undefined ? undefined : await readModel(values.model);
    const template =
      file === undefined ? model!.select(conversation, values.name) : new ChatTemplate(await readFile(file, 'utf8'));
    const bosText = values.bos ?? model?.bosText ?? '';
    const eosText = values.eos ?? model?.eosText ?? '';
    await printExactly(template.render(conversation, { bosText, eosText, now }).text);
  });
}

async function readConversation(path: string): Promise<Conversation> {
  const json = parseJson(await readFile(path, 'utf8'));
  if (Array.isArray(json)) return { messages: json, add_generation_prompt: true };
  if (json !== null && typeof json === 'object' && Array.isArray((json as Partial<Conversation>).messages)) {
    return json as Conversation;
  }
  throw new Error(`${path}: a JSON list of messages, or an object with messages, is needed`);
}

/** What of a model a template needs; its file is closed again. */
async function readModel(name: string) {
  const gguf = await openModel(name);
  try {
    const { metadata } = gguf;
    const tokenizer = createTokenizer(metadata, { onWarning() {} });
    const textOf = (token: number | undefined) => (token === undefined ? '' : tokenizer.tokenText(token));
    return {
      bosText: textOf(tokenizer.bosToken),
      eosText: textOf(tokenizer.eosToken),
      select: ({ tools }: Conversation, templateName: string | undefined) =>
        selectChatTemplate(metadata, {
          hasTools: (tools?.length ?? 0) > 0,
          ...(templateName !== undefined && { name: templateName }),
        }),
    };
  } finally {
    await closeGguf(gguf);
  }
}

function parseDate(text: string): Date {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  if (!match) throw new UsageError(`--now is a date such as 2026-01-15T10:30:00, not ${JSON.stringify(text)}`);
  if (match[7]) return new Date(text);
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  return new Date(year!, month! - 1, day, hour, minute, second);
}
