import { isError, isTamperError, systemCode, TamperError, type TamperErrorCode } from '../../errors.ts';
import { isTlsCode } from '../../foundation/connection-failure.ts';

/** Errors of the client and of brokers as ours. Causes are told by their words alone: a client's error holds its options. */

interface Kind {
  readonly code: TamperErrorCode;
  readonly hint?: string;
  readonly retryable?: boolean;
}

const MOST_ERRORS = 64;

/** By what a broker calls it. */
const BY_BROKER: Readonly<Record<string, Kind>> = {
  SASL_AUTHENTICATION_FAILED: { code: 'UNAUTHENTICATED' },
  UNSUPPORTED_SASL_MECHANISM: { code: 'UNAUTHENTICATED' },
  TOPIC_AUTHORIZATION_FAILED: { code: 'ACCESS_DENIED' },
  CLUSTER_AUTHORIZATION_FAILED: { code: 'ACCESS_DENIED' },
  UNKNOWN_TOPIC_OR_PARTITION: { code: 'NOT_FOUND' },
  UNKNOWN_TOPIC_ID: { code: 'NOT_FOUND' },
  MESSAGE_TOO_LARGE: { code: 'WRITE_FAILED' },
};

/** By the client's own code. */
const BY_CLIENT: Readonly<Record<string, Kind>> = {
  PLT_KFK_AUTHENTICATION: { code: 'UNAUTHENTICATED' },
  PLT_KFK_UNSUPPORTED_COMPRESSION: {
    code: 'UNSUPPORTED_OPERATION',
    hint: 'zstd needs Node.js 22.15 or newer; gzip, snappy and lz4 are read by every one.',
  },
  PLT_KFK_UNSUPPORTED_API: { code: 'UNSUPPORTED_OPERATION', hint: 'The brokers must be of Kafka 3.1 or newer.' },
};

const HINTS: Partial<Record<TamperErrorCode, string>> = {
  UNAUTHENTICATED: 'Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.',
  ACCESS_DENIED: 'The user needs Read and Describe on the topic, and Write on a topic of findings.',
  NOT_FOUND: 'Check the name of the topic: none is made by reading.',
  TLS_FAILED: 'Check KAFKA_CA_FILE, and that the certificate names the broker.',
  UNAVAILABLE: 'Check the addresses of the brokers, and that they are running.',
};

/** What to throw for an error of the client. `what` was being done: `reading kafka://…`. */
export function clientError(what: string, thrown: unknown): TamperError {
  if (isTamperError(thrown)) return thrown;
  const all = everyError(thrown);
  const { code, hint = HINTS[code], retryable = false } = kindOf(all);
  const words = [...new Set(all.map(wordsOf))].filter((one) => one !== '').slice(-3);
  return new TamperError(code, `${what}: ${words.join('; ') || 'failed'}`, {
    retryable,
    ...(hint !== undefined && { hint }),
  });
}

/** The names of a broker's errors in an error of the client: `OFFSET_OUT_OF_RANGE`. */
export function brokerCodes(thrown: unknown): string[] {
  return everyError(thrown).flatMap((error) => textOf(error, 'apiId') ?? []);
}

function kindOf(errors: readonly unknown[]): Kind {
  for (const error of errors) {
    const known = BY_BROKER[textOf(error, 'apiId') ?? ''] ?? BY_CLIENT[systemCode(error)];
    if (known !== undefined) return known;
    if (isTlsCode(systemCode(error))) return { code: 'TLS_FAILED' };
    if (isError(error) && error.message.startsWith('Unknown topic')) return { code: 'NOT_FOUND' };
  }
  const refused = errors.find(
    (error) => textOf(error, 'apiId') !== undefined && Reflect.get(Object(error), 'canRetry') === false,
  );
  if (refused !== undefined) return { code: 'RESPONSE_MALFORMED' };
  return { code: 'UNAVAILABLE', retryable: true };
}

/** An error, what it was put together from, and what led to it. */
function everyError(thrown: unknown): unknown[] {
  const all: unknown[] = [];
  const waiting: unknown[] = [thrown];
  for (let next = waiting.shift(); next !== undefined && all.length < MOST_ERRORS; next = waiting.shift()) {
    if (all.includes(next)) continue;
    all.push(next);
    const { errors, cause } = Object(next) as { readonly errors?: unknown; readonly cause?: unknown };
    if (Array.isArray(errors)) waiting.push(...(errors as unknown[]));
    if (cause !== undefined) waiting.push(cause);
  }
  return all;
}

function textOf(error: unknown, member: string): string | undefined {
  const value: unknown = Reflect.get(Object(error), member);
  return typeof value === 'string' ? value : undefined;
}

function wordsOf(error: unknown): string {
  return isError(error) ? error.message.replaceAll(/\s+/g, ' ').slice(0, 200) : '';
}
