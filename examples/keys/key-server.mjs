// A key server over HTTP, as small as it can be: what docs/providers/your-own.md writes a provider for. Its keys end with it.
//   node key-server.mjs PORT TOKEN NAME=KIND...      KIND: aes (wraps data keys), ed25519, hmac
import { createCipheriv, createDecipheriv, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const bytesOf = (text) => Buffer.from(String(text), 'base64');
const refuse = (status, error) => Object.assign(new Error(error), { status });

function newVersion(kind) {
  return kind === 'ed25519' ? generateKeyPairSync('ed25519') : { secret: randomBytes(32) };
}

const operations = {
  encrypt({ secret }, { plaintext, context }) {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', secret, iv).setAAD(bytesOf(context));
    const sealed = [cipher.update(bytesOf(plaintext)), cipher.final()];
    return { ciphertext: base64(Buffer.concat([iv, ...sealed, cipher.getAuthTag()])) };
  },
  decrypt({ secret }, { ciphertext, context }) {
    const bytes = bytesOf(ciphertext);
    try {
      const cipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12)).setAAD(bytesOf(context));
      cipher.setAuthTag(bytes.subarray(-16));
      return { plaintext: base64(Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()])) };
    } catch (cause) {
      throw Object.assign(refuse(422, 'this key and context did not make the ciphertext'), { cause });
    }
  },
  sign({ privateKey, secret }, { data }) {
    const bytes = bytesOf(data);
    const signature = privateKey ? sign(null, bytes, privateKey) : createHmac('sha256', secret).update(bytes).digest();
    return { signature: base64(signature) };
  },
  verify({ secret }, { data, signature }) {
    return { valid: createHmac('sha256', secret).update(bytesOf(data)).digest().equals(bytesOf(signature)) };
  },
};

/** A server that has not begun to listen. `kinds`: the kind of each key by its name. */
export function createKeyServer(token, kinds) {
  const keys = new Map(Object.entries(kinds).map(([name, kind]) => [name, { kind, versions: [newVersion(kind)] }]));
  const answer = (request, body) => {
    if (request.headers.authorization !== `Bearer ${token}`) throw refuse(401, 'unknown token');
    const [, name = '', version, operation] =
      /^\/keys\/([^/]+)(?:\/(\d+|latest)(?:\/(\w+))?)?$/.exec(request.url) ?? [];
    const key = keys.get(decodeURIComponent(name));
    if (key === undefined) throw refuse(404, 'no such key');
    const { kind, versions } = key;
    if (request.method === 'PUT') versions.push(newVersion(kind)); // rotates
    const number = version === undefined || version === 'latest' ? versions.length : Number(version);
    const chosen = versions[number - 1];
    if (chosen === undefined) throw refuse(410, 'no such version');
    if (operation !== undefined) return { version: number, ...operations[operation](chosen, body) };
    const publicKey = chosen.publicKey?.export({ format: 'der', type: 'spki' });
    return { version: number, kind, ...(publicKey && { publicKey: base64(publicKey) }) };
  };
  return createServer(async (request, response) => {
    let status = 200;
    let said;
    try {
      const chunks = await request.toArray();
      said = answer(request, chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString()));
    } catch (error) {
      status = error.status ?? 400;
      said = { error: error.message };
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [port, token, ...names] = process.argv.slice(2);
  createKeyServer(token, Object.fromEntries(names.map((name) => name.split('=')))).listen(Number(port), '127.0.0.1');
}
