import {
  type VaultHttpClient,
  type VaultHttpRequest,
  VaultProvider,
  type VaultProviderOptions,
} from '../../../src/providers/vault/index.ts';

/** What a scripted Vault answers: a status and a JSON value, or the body as it is. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

/** A request as the script sees it; the body is a copy, because ours is overwritten. */
export interface ScriptedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
}

/** A Vault that answers by a function: for what no real server does. */
export class ScriptedVault implements VaultHttpClient {
  readonly requests: ScriptedRequest[] = [];
  /** The bodies themselves, to see that they were overwritten. */
  readonly bodies: Uint8Array[] = [];
  readonly #answer: (request: ScriptedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>;

  constructor(answer: (request: ScriptedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>) {
    this.#answer = answer;
  }

  async request({ url, headers, body }: VaultHttpRequest): Promise<{
    status: number;
    headers: Record<string, string>;
    body: Buffer;
  }> {
    const copy = body === undefined ? {} : (JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>);
    const request = { path: new URL(url).pathname.slice('/v1/'.length), headers, body: copy };
    this.requests.push(request);
    if (body !== undefined) this.bodies.push(body);
    const { status = 200, json = {}, text, headers: answered = {} } = await this.#answer(request);
    return { status, headers: answered, body: Buffer.from(text ?? JSON.stringify(json)) };
  }

  provider(options: VaultProviderOptions = {}): VaultProvider {
    const env = { HOME: '/nonexistent', VAULT_TOKEN: 'hvs.test' };
    return new VaultProvider({ addr: 'https://vault.example.com', client: this, env, ...options });
  }
}

/** Answers of a healthy Vault with one key of a type, at version 1. */
export function healthy(type: string, request: ScriptedRequest): ScriptedAnswer | undefined {
  if (request.path === 'auth/token/lookup-self') return { json: { data: { id: 'hvs.test', ttl: 0 } } };
  if (request.path.includes('/keys/')) return { json: { data: { type, latest_version: 1, keys: {} } } };
  return undefined;
}
