import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { buildPackage } from './built-package.ts';

/** The provider that docs/providers/your-own.md writes, and the key server that it is for. */

export const yourOwnPage: string = readFileSync(new URL('../../docs/providers/your-own.md', import.meta.url), 'utf8');

/** Puts the page's modules into a directory, compiled, with their imports leading to the compiled package. */
export async function writePageProvider(directory: string): Promise<{ readonly module: string; remove(): void }> {
  const built = await buildPackage();
  const library = pathToFileURL(join(realpathSync(join(built.directory, 'dist')), 'keys/index.js')).href;
  const blocks = yourOwnPage.matchAll(/^```ts\n\/\/ (acme-\w+)\.mts\n([\s\S]*?)^```$/gm);
  for (const [, name, text = ''] of blocks) {
    const { code } = await transform(text, { loader: 'ts', format: 'esm' });
    const linked = code
      .replaceAll(/(["'])fapilog-tamper\/keys\1/g, JSON.stringify(library))
      .replaceAll(/(["'])valibot\1/g, JSON.stringify(import.meta.resolve('valibot')));
    writeFileSync(join(directory, `${name}.mjs`), linked);
  }
  return { module: join(directory, 'acme-keys.mjs'), remove: () => built.remove() };
}

/** A key server that listens on a port of its own. */
export class KeyServer {
  readonly url: string;
  readonly tokenFile: string;
  /** Answers in the server's place while it is set. */
  fault: RequestListener | undefined;
  readonly #server: Server;
  readonly #token: string;

  private constructor(server: Server, token: string) {
    this.#server = server;
    this.#token = token;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.tokenFile = join(mkdtempSync(join(tmpdir(), 'key-server-')), 'token');
    writeFileSync(this.tokenFile, `${token}\n`, { mode: 0o600 });
  }

  /** @param kinds - the kind of each key: `aes`, `ed25519`, `hmac` */
  static async start(kinds: Readonly<Record<string, string>>): Promise<KeyServer> {
    const example = new URL('../../examples/keys/key-server.mjs', import.meta.url).href;
    const { createKeyServer } = (await import(example)) as {
      createKeyServer(token: string, kinds: Readonly<Record<string, string>>): Server;
    };
    const token = 'a-token-of-the-tests';
    const inner = createKeyServer(token, kinds);
    let own: KeyServer | undefined;
    const server = createServer((request, response) => {
      if (own?.fault === undefined) inner.emit('request', request, response);
      else own.fault(request, response);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    own = new KeyServer(server, token);
    return own;
  }

  get options(): { readonly url: string; readonly token_file: string } {
    return { url: this.url, token_file: this.tokenFile };
  }

  async rotate(name: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.#token}` };
    await fetch(`${this.url}/keys/${encodeURIComponent(name)}`, { method: 'PUT', headers });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
