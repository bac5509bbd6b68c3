import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** One call as it came over the wire. */
export interface KmsCall {
  /** `Sign`, from `X-Amz-Target: TrentService.Sign`. */
  readonly operation: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
}

/** What becomes of a call; undefined lets it through to the server behind. */
export type KmsFault =
  | { readonly status: number; readonly json?: unknown; readonly raw?: string; readonly cut?: true }
  | { readonly edit: (reply: Record<string, unknown>) => Record<string, unknown> }
  | 'hang'
  | 'drop'
  | undefined;

/** A proxy in front of a KMS test server that sees every call and can spoil any of them. */
export interface KmsProxy {
  readonly url: string;
  readonly calls: KmsCall[];
  /** What the server behind answered, before any fault. */
  readonly replies: Record<string, unknown>[];
  /** Decides about each call from now on. */
  fault: (call: KmsCall) => KmsFault;
  stop(): Promise<void>;
}

/** An error reply as AWS documents it: JSON 1.1 with `__type`, and a request id. */
export function awsError(name: string, message = `about ${name}`, status = 400): KmsFault {
  return { status, json: { __type: name, message } };
}

/** @param upstream - the server behind; without one every call must be answered by a fault */
export async function startKmsProxy(upstream?: string): Promise<KmsProxy> {
  const calls: KmsCall[] = [];
  const proxy = { calls, replies: [], fault: () => undefined } as unknown as KmsProxy & { url: string };
  const server = createServer((request, response) => {
    answer(request, response, upstream, proxy).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${address.port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: string | undefined,
  proxy: KmsProxy,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks);
  const target = String(request.headers['x-amz-target'] ?? '');
  const call = {
    operation: target.slice(target.indexOf('.') + 1),
    body: target === '' ? {} : (JSON.parse(text.toString()) as Record<string, unknown>), // STS asks by form
    headers: request.headers,
  };
  proxy.calls.push(call);
  const fault = proxy.fault(call);
  if (fault === 'hang') return;
  if (fault === 'drop') {
    response.destroy();
    return;
  }
  if (fault !== undefined && 'status' in fault) {
    const raw = fault.raw ?? JSON.stringify(fault.json);
    response.writeHead(fault.status, { ...json, 'content-length': Buffer.byteLength(raw) + (fault.cut ? 100 : 0) });
    if (!fault.cut) response.end(raw);
    else response.write(raw, () => response.destroy());
    return;
  }
  if (upstream === undefined) throw new Error(`nothing answers ${call.operation}`);
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
  const reply = await fetch(upstream, { method: 'POST', body: text, headers: headers as Record<string, string> });
  const body = await reply.text();
  if (target !== '' && body !== '') proxy.replies.push(JSON.parse(body) as Record<string, unknown>);
  const edited = fault === undefined ? body : JSON.stringify(fault.edit(JSON.parse(body) as Record<string, unknown>));
  response.writeHead(reply.status, {
    ...json,
    'x-amzn-requestid': reply.headers.get('x-amzn-requestid') ?? json['x-amzn-requestid'],
  });
  response.end(edited);
}

const json = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'request-id-of-the-proxy' };
