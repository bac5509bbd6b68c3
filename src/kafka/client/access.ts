import type { ConnectionOptions } from 'node:tls';
import { TamperError } from '../../errors.ts';
import { readText } from '../../foundation/read-text.ts';
import type { TopicAddress } from './address.ts';

/** Who we are to the brokers, from the environment alone: a command line can be read by every process of the machine. */

/** SASL mechanisms, as `KAFKA_SASL_MECHANISM` names them. */
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
type Mechanism = (typeof MECHANISMS)[number];

/** Credentials and trust for connections to brokers. */
export interface BrokerAccess {
  readonly sasl?: {
    readonly mechanism: Mechanism;
    readonly username?: string;
    readonly password?: string;
    readonly token?: string;
  };
  readonly tls?: ConnectionOptions;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME` and `KAFKA_SASL_PASSWORD` (or `KAFKA_SASL_TOKEN`), and the files
 * `KAFKA_CA_FILE`, `KAFKA_CERT_FILE`, `KAFKA_KEY_FILE`.
 *
 * @throws {@link TamperError} `USAGE`, with the variable at fault; `INSECURE_ENDPOINT` where a password would go out readable;
 *   `NOT_FOUND`, `READ_FAILED`
 */
export async function brokerAccess(address: TopicAddress, env: Environment): Promise<BrokerAccess> {
  const sasl = saslOf(env);
  if (sasl !== undefined && !sasl.mechanism.startsWith('SCRAM') && !address.tls && !address.brokers.every(isLoopback)) {
    throw new TamperError('INSECURE_ENDPOINT', `SASL ${sasl.mechanism} over kafka:// sends the password unencrypted`, {
      hint: 'Use kafkas:// (TLS), or SCRAM.',
    });
  }
  const tls = await tlsOf(address, env);
  return { ...(sasl !== undefined && { sasl }), ...(tls !== undefined && { tls }) };
}

function saslOf(env: Environment): BrokerAccess['sasl'] {
  const given = (name: string): string | undefined => env[name] || undefined;
  const named = given('KAFKA_SASL_MECHANISM');
  const username = given('KAFKA_SASL_USERNAME');
  const password = given('KAFKA_SASL_PASSWORD');
  const token = given('KAFKA_SASL_TOKEN');
  if (named === undefined) {
    if (username === undefined && password === undefined && token === undefined) return undefined;
    throw new TamperError('USAGE', `KAFKA_SASL_MECHANISM is missing: it is one of ${MECHANISMS.join(', ')}`);
  }
  const mechanism = MECHANISMS.find((one) => one === named);
  if (mechanism === undefined) {
    throw new TamperError('USAGE', `KAFKA_SASL_MECHANISM is not one of ${MECHANISMS.join(', ')}`);
  }
  if (mechanism === 'OAUTHBEARER') {
    if (token === undefined) throw new TamperError('USAGE', 'OAUTHBEARER needs KAFKA_SASL_TOKEN');
    return { mechanism, token };
  }
  if (username === undefined || password === undefined) {
    throw new TamperError('USAGE', `${mechanism} needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`);
  }
  return { mechanism, username, password };
}

async function tlsOf(address: TopicAddress, env: Environment): Promise<ConnectionOptions | undefined> {
  const { KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key } = env;
  const given = Object.entries({ KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key }).find(
    ([, path]) => path,
  );
  if (!address.tls) {
    if (given === undefined) return undefined;
    throw new TamperError('USAGE', `${given[0]} is set, but kafka:// has no TLS`, { hint: 'Write kafkas://.' });
  }
  if (!cert !== !key) throw new TamperError('USAGE', 'KAFKA_CERT_FILE and KAFKA_KEY_FILE belong together');
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(ca && { ca: await readText(ca) }),
    ...(cert && key && { cert: await readText(cert), key: await readText(key) }),
  };
}

function isLoopback(broker: string): boolean {
  const host = broker.replace(/:[0-9]+$/, '');
  return host === 'localhost' || host === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}
