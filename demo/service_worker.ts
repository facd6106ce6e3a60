/** Keeps the page's own files, so that it opens without a network: those of the first view when it is installed, others as they come. */

/** Put in by the build: all files but the built-in model, which comes when it is tried. */
declare const FILES: readonly string[];
declare const VERSION: string;

interface Worker {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
}
interface WorkerEvent {
  readonly request: Request;
  waitUntil(work: Promise<unknown>): void;
  respondWith(answer: Promise<Response>): void;
}

const worker = self as unknown as Worker;
const cacheName = `webgguf ${VERSION}`;

worker.addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll([...FILES])));
});

worker.addEventListener('activate', (event) => {
  const forget = async () => {
    for (const name of await caches.keys())
      if (name.startsWith('webgguf ') && name !== cacheName) await caches.delete(name);
    await worker.clients.claim();
  };
  event.waitUntil(forget());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOwn = request.url.startsWith(worker.registration.scope);
  if (request.method !== 'GET' || !isOwn || request.headers.has('range')) return;
  event.respondWith(answer(request));
});

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const known = await cache.match(request.mode === 'navigate' ? worker.registration.scope : request, {
    ignoreSearch: true,
    ignoreVary: true, // by Origin, as servers say, a script would not be found that was fetched as a file
  });
  if (known) return known;
  const response = await fetch(request);
  if (response.ok && /\/assets\//.test(request.url)) await cache.put(request, response.clone());
  return response;
}
