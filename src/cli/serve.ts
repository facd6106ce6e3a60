import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import { closeGguf } from '../gguf/open.ts';
import { adapterName } from '../gpu/device.ts';
import type { LoadOptions } from '../index.ts';
import { load, openNodeDevice } from '../runtime/node.ts';
import { openModel } from '../runtime/node_file.ts';
import { createApp, type ServerOptions, Service, stderrLog } from '../server/index.ts';
import { requireBuiltinModel } from './builtin_model.ts';
import { runCommand, UsageError } from './command.ts';
import { loadOptions, modelArgs, modelUsage } from './model_options.ts';
import { size, type Values, wholeNumber } from './option_values.ts';
import { slotFiles } from './slot_files.ts';

const usage = `usage: webgguf serve [-m MODEL] [--host 127.0.0.1] [--port 8080] [options]

OpenAI's API over HTTP, and what evaluations ask for; /openapi.json describes it. Without -m, with the built-in model.
Ctrl-C or SIGTERM takes up nothing new, lets what is under way end, and exits with 0.

  --host HOST            where to listen (default 127.0.0.1; 0.0.0.0 is everywhere)
  --port N               (default 8080; 0 takes any that is free)
  --parallel N           sequences that are generated or scored at once, and share the context (default 4)
  --queue N              requests that may wait; more are answered with 503 (default 256)
  --api-key KEY          what requests must bear; can be repeated; WEBGGUF_API_KEY is another
  --cors ORIGIN          whose pages may ask, or * for all; can be repeated (default: none)
  --alias NAME           what the model is called (default: its file's name for it)
  --strict-model         requests for another model's name are errors
  --slot-save-path DIR   a folder that /slots saves sequences to and restores them from (default: none)
  --max-body SIZE        of a request (default 16MiB)
  --grace SECONDS        for what is under way at the end (default 30, or the time of 30 passes)
  --gpu-only             ends where the adapter is software
  --no-log               no line for each request on stderr
  --log-prompts          prompts and messages too
${modelUsage}`;

const serveArgs = {
  ...modelArgs,
  host: { type: 'string' },
  port: { type: 'string' },
  parallel: { type: 'string' },
  queue: { type: 'string' },
  'api-key': { type: 'string', multiple: true },
  cors: { type: 'string', multiple: true },
  alias: { type: 'string' },
  'strict-model': { type: 'boolean' },
  'slot-save-path': { type: 'string' },
  'max-body': { type: 'string' },
  grace: { type: 'string' },
  'gpu-only': { type: 'boolean' },
  'no-log': { type: 'boolean' },
  'log-prompts': { type: 'boolean' },
} as const;

type ServeValues = Values<typeof serveArgs>;

const defaultPort = 8080;
const defaultParallel = 4;
/** Beginnings of prompts that are remembered, while the context has room. */
const cachedPrefixes = 64;
/** For a request to come in whole: who stops in the middle of it is hung up on. */
const requestSeconds = 60;
/** For a client's next request on its connection: longer than balancers keep theirs, or they meet closed ones. */
const idleSeconds = 75;
/** For the last bytes of answers that are done. */
const flushSeconds = 2;

export async function run(args: string[], signal = new AbortController().signal): Promise<number> {
  return runCommand(args, usage, async () => {
    const { values } = parseArgs({ args, options: serveArgs });
    const model = values.model ?? requireBuiltinModel();
    const host = values.host ?? '127.0.0.1';
    const port = values.port === '0' ? 0 : (wholeNumber('--port', values.port) ?? defaultPort);
    const graceSeconds = wholeNumber('--grace', values.grace);
    const sequences = wholeNumber('--parallel', values.parallel) ?? defaultParallel;
    const options = { ...(await loadOptions(values)), sequences, cachedPrefixes };
    const chatTemplate = options.chatTemplate ?? (await readTemplate(model));
    const service = new Service({ ...serverOptions(values), ...(chatTemplate !== undefined && { chatTemplate }) });

    if (values['gpu-only']) await requireGpu(options.deviceOptions);
    await using server = await listen(service, host, port);
    console.error(`listening on ${server.url}`);
    const loaded = await load(model, { ...options, ...progressOf(service), signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (!loaded) return;
    await using llm = loaded;
    service.ready(llm);
    console.error(`${service.modelName} on ${llm.info.adapter} answers at ${server.url}/v1`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    console.error('stopping: what is under way may end');
    server.stopListening();
    await service.close(graceSeconds);
  });
}

/** Adapters that are a CPU, by their names. */
const softwareNames = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

async function requireGpu(deviceOptions: LoadOptions['deviceOptions']): Promise<void> {
  const device = await openNodeDevice(deviceOptions);
  const { info } = device;
  device.destroy();
  if (!softwareNames.test(adapterName(info))) return;
  throw new Error(
    `the adapter is software, ${adapterName(info)}; a container gets the GPU with NVIDIA_DRIVER_CAPABILITIES=graphics, and --gpu-only left out takes any`,
  );
}

function serverOptions(values: ServeValues): ServerOptions {
  const keys = [...(values['api-key'] ?? []), ...(process.env.WEBGGUF_API_KEY ? [process.env.WEBGGUF_API_KEY] : [])];
  if (keys.some((key) => key.trim() === '')) throw new UsageError('--api-key takes a key that is not empty');
  const maxBodyBytes = size('--max-body', values['max-body']);
  const queueLength = wholeNumber('--queue', values.queue);
  return {
    apiKeys: keys,
    corsOrigins: values.cors ?? [],
    strictModel: values['strict-model'] ?? false,
    logPrompts: values['log-prompts'] ?? false,
    ...(values['slot-save-path'] !== undefined && { slotStore: slotFiles(values['slot-save-path']) }),
    ...(values.alias !== undefined && { modelName: values.alias }),
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
    ...(queueLength !== undefined && { queueLength }),
    ...(!values['no-log'] && { log: stderrLog() }),
  };
}

function progressOf(service: Service): Pick<LoadOptions, 'onWarning' | 'onProgress'> {
  return {
    onWarning: (message) => console.error(`warning: ${message}`),
    onProgress({ doneBytes, totalBytes }) {
      if (totalBytes) service.progress = doneBytes / totalBytes;
    },
  };
}

/** The template's own text, for those who render it themselves. */
async function readTemplate(model: string): Promise<string | undefined> {
  const gguf = await openModel(model);
  try {
    const { metadata } = gguf;
    return metadata.has('tokenizer.chat_template') ? metadata.string('tokenizer.chat_template') : undefined;
  } finally {
    await closeGguf(gguf);
  }
}

/** Aborts when a response's connection is closed, whether anybody reads the response's body or not. */
function closing(outgoing: (HttpBindings | Http2Bindings)['outgoing']): AbortSignal {
  const controller = new AbortController();
  outgoing.once('close', () => controller.abort());
  return controller.signal;
}

interface Listening extends AsyncDisposable {
  readonly url: string;
  stopListening(): void;
}

/** Node's HTTP server with the app in it. Disposing it lets answers flush, then closes every connection. */
async function listen(service: Service, hostname: string, port: number): Promise<Listening> {
  const app = createApp(service);
  const fetch = (request: Request, { outgoing }: HttpBindings | Http2Bindings) =>
    app.fetch(request, { gone: closing(outgoing) });
  const server = createAdaptorServer({ fetch, hostname }) as Server;
  server.requestTimeout = requestSeconds * 1000;
  server.keepAliveTimeout = idleSeconds * 1000;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, hostname, resolve);
  await promise;
  const { address, family, port: taken } = server.address() as AddressInfo;
  const closed = new Promise<void>((done) => server.once('close', done));
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    stopListening: () => server.close(),
    async [Symbol.asyncDispose]() {
      server.close();
      await Promise.race([closed, setTimeout(flushSeconds * 1000, undefined, { ref: false })]);
      server.closeAllConnections();
    },
  };
}
