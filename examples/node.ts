// In a checkout: node -C webgguf-source examples/node.ts MODEL.gguf
import { load } from 'webgguf/node';

const [model = 'model.gguf', prompt = 'Once upon a time'] = process.argv.slice(2);
await using llm = await load(model);
console.error(`${llm.info.name} on ${llm.info.adapter}`);

for await (const { text } of llm.generate(prompt, { maxTokens: 64, temperature: 0 })) {
  process.stdout.write(text);
}
