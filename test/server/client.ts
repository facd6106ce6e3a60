import { createApp, type ServerOptions, Service } from '../../src/server/index.ts';
import { type FakeOptions, fakeLlm } from './fake_llm.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers, read as a client would
type Json = any;

/** The app over a scripted model, asked without a socket. */
export function fakeServer(options: FakeOptions & ServerOptions = {}) {
  const llm = fakeLlm(options);
  const service = new Service(options);
  service.ready(llm);
  const app = createApp(service);
  const post = async (path: string, body: unknown, init: RequestInit = {}) =>
    app.request(path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
      headers: { 'Content-Type': 'application/json', ...init.headers },
    });
  return {
    llm,
    service,
    app,
    post,
    get: (path: string, init?: RequestInit) => app.request(path, init),
    /** What a request that must succeed is answered. */
    async ask(path: string, body: unknown): Promise<Json> {
      const response = await post(path, body);
      if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      return response.json();
    },
    /** Status and error of a request that must not. */
    async refused(path: string, body: unknown, init?: RequestInit): Promise<Json> {
      const response = await post(path, body, init);
      const { error } = (await response.json()) as Json;
      return { status: response.status, ...error };
    },
  };
}

/** The events of a stream, its comments left out; `[DONE]` as it is. */
export async function events(response: Response): Promise<Json[]> {
  const text = await response.text();
  const data = text.split('\n\n').filter((part) => part.startsWith('data: '));
  return data.map((part) => (part === 'data: [DONE]' ? '[DONE]' : JSON.parse(part.slice(6))));
}
