// deno serve -A --unstable-webgpu server_deno.ts MODEL.gguf: what `webgguf serve` is in Node
import { load } from 'webgguf/deno';
import { createApp, Service } from 'webgguf/server';

const service = new Service(); // keys, a queue's length, origins, …
const loading = load(Deno.args[0]!, {
  sequences: 4,
  onProgress({ doneBytes, totalBytes = doneBytes }) {
    service.progress = doneBytes / totalBytes;
  },
});
loading.then((llm) => service.ready(llm)); // until then /health tells how far it is

export default { fetch: createApp(service).fetch };
