// In a checkout: deno run -A --unstable-webgpu --conditions=webgguf-source examples/deno.ts MODEL.gguf
import { load } from 'webgguf/deno';

const [model = 'model.gguf', prompt = 'Once upon a time'] = Deno.args;
await using llm = await load(model);
console.error(`${llm.info.name} on ${llm.info.adapter}`);

for await (const { text } of llm.generate(prompt, { maxTokens: 64, temperature: 0 })) {
  await Deno.stdout.write(new TextEncoder().encode(text));
}
