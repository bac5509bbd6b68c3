import { stat } from 'node:fs/promises';
import { isTamperError, TamperError } from '../../errors.ts';
import type { Secret } from '../../keys/secret.ts';
import type { KeyWarnings } from '../../keys/warnings.ts';
import type { ApiReply, VaultApi } from './api.ts';
import { credentialOf, readCredential } from './credential.ts';
import { defaultTokenFile, type Variables, variable } from './environment.ts';
import { type Login, type LoginMethod, principalOf } from './login.ts';

/** Where a token may come from, in this order. */
export interface TokenSources {
  readonly token: string | Secret | undefined;
  readonly tokenFile: string | undefined;
  /** `BAO_TOKEN_PATH`. */
  readonly tokenPath: string | undefined;
  readonly env: Variables;
  /** Whether a local agent may add the token, so that having none is right. */
  readonly viaAgent: boolean;
  readonly warnings: KeyWarnings;
}

/** Uses a token that somebody else got: an option, a file of an agent, `VAULT_TOKEN`, or `~/.vault-token`. */
export class TokenLogin implements LoginMethod {
  readonly name = 'token';
  readonly #sources: TokenSources;
  readonly #literal: Secret | undefined;
  /** Where the token came from that is used now. */
  #place: string | undefined;
  #file: string | undefined;
  #seen: string | undefined;

  constructor(sources: TokenSources) {
    this.#sources = { ...sources, token: undefined };
    const { token } = sources;
    this.#literal = typeof token === 'string' ? credentialOf(token, 'the option vault_token') : token;
    if (typeof token === 'string') {
      sources.warnings.say(
        'token',
        'the Vault token is a literal option of the configuration',
        'Use VAULT_TOKEN, vault_token_file or another auth method.',
      );
    }
  }

  get place(): string | undefined {
    return this.#place;
  }

  /** A file may hold another token by now; an option or a variable does not change. */
  get repeatable(): boolean {
    return this.#file !== undefined;
  }

  async login(api: VaultApi, signal: AbortSignal): Promise<Login> {
    const token = await this.#find();
    if (token === undefined) return { token, leaseSeconds: 0, renewable: false, principal: 'agent' };
    const found = await lookUp(api, token, signal).catch((error: unknown) => {
      token.erase();
      throw error;
    });
    const { ttl, renewable, meta, display_name: displayName } = found ?? {};
    return {
      token,
      leaseSeconds: typeof ttl === 'number' && ttl > 0 ? ttl : 0,
      renewable: renewable === true && this.#file === undefined, // the agent that writes the file renews the token, too
      principal: principalOf(meta, displayName),
    };
  }

  async changed(): Promise<boolean> {
    return this.#file !== undefined && (await stateOf(this.#file)) !== this.#seen;
  }

  erase(): void {
    this.#literal?.erase();
  }

  async #find(): Promise<Secret | undefined> {
    const { env, tokenFile, tokenPath, viaAgent } = this.#sources;
    if (this.#literal !== undefined) {
      this.#place = 'the option vault_token';
      return this.#literal.copy();
    }
    if (tokenFile !== undefined) return this.#read(tokenFile);
    const text = variable(env, 'TOKEN');
    if (text !== undefined) {
      this.#place = 'the variable VAULT_TOKEN or BAO_TOKEN';
      return credentialOf(text, this.#place);
    }
    if (tokenPath !== undefined) return this.#read(tokenPath);
    const fallback = defaultTokenFile(env);
    if ((await stateOf(fallback)) !== undefined) return this.#read(fallback);
    if (viaAgent) return undefined;
    throw new TamperError('UNAUTHENTICATED', `Vault: there is no token: not in VAULT_TOKEN, and no file ${fallback}`, {
      hint: 'Set vault_token_file, or log in with vault_auth_method approle or kubernetes.',
    });
  }

  async #read(file: string): Promise<Secret> {
    this.#file = file;
    this.#place = `the file ${file}`;
    const seen = await stateOf(file); // before the content: a change between the two is found next time
    const token = await readCredential(file, 'the Vault token file');
    this.#seen = seen;
    return token;
  }
}

/** What tells one content of a file from the next; undefined where there is no such file. */
async function stateOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined); // absent or not ours: reading it says which
  return found === undefined ? undefined : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

/**
 * What Vault says of a token; undefined where it says nothing: the token has ended, or may not look itself up, and is used all
 * the same, unrenewed.
 *
 * @throws what the connection throws
 */
async function lookUp(api: VaultApi, token: Secret, signal: AbortSignal): Promise<ApiReply['data'] | undefined> {
  try {
    const { data, secret } = await api.call({
      what: 'look up the token',
      method: 'GET',
      path: 'auth/token/lookup-self',
      token,
      secretMember: 'id',
      signal,
    });
    secret?.erase();
    return data;
  } catch (error) {
    if (isTamperError(error, 'ACCESS_DENIED')) return undefined;
    throw error;
  }
}

/** Whether a token is alive, as far as that can be known. */
export async function isAlive(api: VaultApi, token: Secret, signal: AbortSignal): Promise<boolean> {
  return (await lookUp(api, token, signal)) !== undefined;
}
