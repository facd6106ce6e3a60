import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readManifest, type Tarball } from '../pack.ts';

const npmRegistry = 'https://registry.npmjs.org';

/** npm's registry as it will be: with the tarball published in it. Everything else is npm's own. */
export async function serveRegistry(tarball: Tarball): Promise<{ url: string } & AsyncDisposable> {
  const manifest = await readManifest(tarball.checkout);
  const bytes = await readFile(tarball.path);
  const server = createServer(({ url: path = '/' }, response) => {
    if (path === '/webgguf') {
      const dist = { tarball: `${url}/webgguf.tgz`, integrity: tarball.integrity };
      const { version } = manifest;
      const versions = { [version]: { ...manifest, dist } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ name: 'webgguf', 'dist-tags': { latest: version }, versions }));
    } else if (path === '/webgguf.tgz') {
      response.end(bytes);
    } else {
      response.writeHead(307, { location: npmRegistry + path }).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
