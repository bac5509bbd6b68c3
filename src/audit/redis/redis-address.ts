import { isLoopback } from '../../config/endpoint.ts';
import { TamperError } from '../../errors.ts';
import { readText } from '../../foundation/read-text.ts';
import { checkSecretFile, type SecretFileStats } from '../../foundation/secret-file.ts';

/** Where the Redis or Valkey of a queue is, and how one logs in there. */

/** How somebody names it. */
export interface RedisAddressOptions {
  /** The flag `--redis-url`. Default: the variable `REDIS_URL`. */
  readonly url: string | undefined;
  /** A file with the password. Default: the variable `REDIS_PASSWORD`, or the password in `REDIS_URL`. */
  readonly passwordFile: string | undefined;
  /** Whether plain `redis://` may go to another host. */
  readonly allowPlain: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the client is told of an address. */
export interface RedisLogin {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly servername?: string };
}

const SYNTAX = 'redis://HOST[:PORT][/DATABASE], or rediss:// for TLS';
const PASSWORD_LIMIT = 64 * 1024;

/** An address that was checked. Printed in whatever way, it has no password. */
export class RedisAddress {
  /** As people write it: `rediss://queue.example.com:6379`. */
  readonly name: string;
  readonly #login: RedisLogin;

  constructor(login: RedisLogin) {
    const { host, port, db, tls } = login;
    const written = host.includes(':') ? `[${host}]` : host;
    this.name = `${tls === undefined ? 'redis' : 'rediss'}://${written}:${port}${db === 0 ? '' : `/${db}`}`;
    this.#login = login;
  }

  /** Without the password, also as it stands in a URL. */
  hidden(text: string): string {
    const { password = '' } = this.#login;
    if (password === '') return text;
    return text.replaceAll(password, '…').replaceAll(encodeURIComponent(password), '…');
  }

  /** With the password: for the client alone. */
  login(): RedisLogin {
    return this.#login;
  }
}

/**
 * Reads and checks an address. A password on the command line is refused, since every user of the host sees it there; so is
 * plain text to another host, since whoever is on the way could read the password and put results of their own in the queue.
 *
 * @throws {@link TamperError} `USAGE`, `CONFIG_INVALID`: it cannot be read; `INSECURE_ENDPOINT`; `NOT_FOUND`, `READ_FAILED`: the
 * password's file. No message repeats the address, which may have a password in it
 */
export async function redisAddress({ url, passwordFile, allowPlain, env }: RedisAddressOptions): Promise<RedisAddress> {
  const byFlag = url !== undefined;
  const said = url ?? (env['REDIS_URL'] || undefined);
  if (said === undefined) {
    throw new TamperError('USAGE', 'name the Redis or Valkey of the queue', {
      hint: `Give --redis-url ${SYNTAX}, or set REDIS_URL.`,
    });
  }
  const parsed = parse(said, byFlag);
  if (byFlag && parsed.password !== undefined) {
    throw new TamperError('USAGE', '--redis-url has a password in it, which every user of this host can see', {
      hint: 'Put the password into REDIS_PASSWORD, or into a file for --redis-password-file; change it if others could see it.',
    });
  }
  if (parsed.tls === undefined && !isLoopback(parsed.host) && !allowPlain) {
    throw new TamperError('INSECURE_ENDPOINT', `redis:// to ${parsed.host} is not encrypted`, {
      hint: 'Use rediss://. If you trust the network as much as the hosts, give --redis-plain.',
    });
  }
  const password = await passwordOf(passwordFile, parsed.password, env);
  const { password: _, ...login } = parsed;
  return new RedisAddress({ ...login, ...(password !== undefined && { password }) });
}

async function passwordOf(
  file: string | undefined,
  inUrl: string | undefined,
  env: RedisAddressOptions['env'],
): Promise<string | undefined> {
  if (file === undefined) return inUrl ?? (env['REDIS_PASSWORD'] || undefined);
  const password = (await readText(file, PASSWORD_LIMIT, checkPasswordFile)).replace(/\r?\n$/, '');
  if (password !== '') return password;
  throw new TamperError('READ_FAILED', `${file} has no password in it`, {
    hint: 'Write the password into it, as one line.',
  });
}

const checkPasswordFile = (path: string, stats: SecretFileStats): void => checkSecretFile('password file', path, stats);

function parse(text: string, byFlag: boolean): RedisLogin {
  const wrong = (what: string): TamperError => {
    const place = byFlag ? '--redis-url' : 'REDIS_URL';
    return new TamperError(byFlag ? 'USAGE' : 'CONFIG_INVALID', `${place} ${what}`, { hint: `It is ${SYNTAX}.` });
  };
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) throw wrong('is not a Redis address');
  const url = new URL(text);
  if (url.hostname === '') throw wrong('names no host');
  if (url.search !== '' || url.hash !== '') throw wrong('has something behind the database');
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (database === undefined) throw wrong('names no database by its number');
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      if (cause instanceof URIError) throw wrong('has an invalid percent escape');
      throw cause;
    }
  };
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(database),
    ...(url.username !== '' && { username: decoded(url.username) }),
    ...(url.password !== '' && { password: decoded(url.password) }),
    ...(url.protocol === 'rediss:' && { tls: isAddress(host) ? {} : { servername: host } }),
  };
}

/** An IP address is no name that TLS could ask for. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+(\.\d+){3}$/.test(host);
}
