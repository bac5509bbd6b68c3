import { types } from 'node:util';
import { nodeCodeOf } from '../../foundation/connection-failure.ts';
import { unreadableFile } from '../internal/unreadable-file.ts';
import { membersOf, printableLine, textOf } from '../internal/vendor-text.ts';

/** What is kept of an error of the SDK: never its request, reply, headers or configuration. */
export interface VendorFacts {
  readonly name: string;
  /** The google.rpc.Code by name, whichever transport it came over. */
  readonly status: string | undefined;
  /** The HTTP status, where there is no google.rpc.Code. */
  readonly http: number | undefined;
  /** A code of Node: `ECONNREFUSED`. */
  readonly node: string | undefined;
  /** The first line of what the service said. Not yet known to be safe to print. */
  readonly message: string;
  /** True where the credentials failed and the service was never asked. */
  readonly credentials: boolean;
  /** What is to be said of the file of credentials, if it could not be read. */
  readonly unreadableFile: string | undefined;
  /** `reason` of google.rpc.ErrorInfo. */
  readonly reason: string | undefined;
  /** Types and descriptions of google.rpc.PreconditionFailure. */
  readonly violations: string;
  /** google.rpc.RetryInfo, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** google.rpc.RequestInfo. */
  readonly requestId: string | undefined;
}

/** google.rpc.Code by number. */
const statuses: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const plugin = 'Getting metadata from plugin failed with error: ';
const credentialText =
  /default credentials|credential file|refresh access token|^invalid_(?:grant|client|request|scope)\b|unauthorized_client/i;

type Members = Readonly<Record<string, unknown>>;

/** Reads what is known of an error that the SDK threw, over gRPC (grpc-js, google-gax) or REST (gaxios). */
export function vendorFacts(error: unknown): VendorFacts {
  const members = membersOf(error);
  const name = types.isNativeError(error) ? error.name : typeof error;
  const text = types.isNativeError(error) ? error.message : String(error);
  const body = restError(text);
  const code = codeOf(members['code']) ?? codeOf(members['status']);
  const token = text.includes(plugin);
  const grpc = code !== undefined && code >= 1 && code <= 16 && !token ? statuses[code] : undefined;
  const details = detailsOf(members['statusDetails'] ?? body['details']);
  return {
    name,
    status: textOf(body['status']) ?? grpc,
    http: code !== undefined && code >= 100 ? code : undefined,
    node: nodeCodeOf(error),
    message: printableLine(textOf(body['message']) ?? textOf(members['details']) ?? text),
    credentials: token || isForCredentials(members, body, text),
    unreadableFile: unreadableFile(text),
    reason: textOf(members['reason']) ?? find(details, 'reason'),
    violations: details.flatMap((detail) => violationsOf(detail)).join(' '),
    retryAfterMs: retryAfter(details),
    requestId: find(details, 'requestId'),
  };
}

/** gaxios puts the body of a refusal into the message. */
function restError(text: string): Members {
  if (!text.startsWith('{')) return {};
  try {
    return membersOf(membersOf(JSON.parse(text))['error']);
  } catch (error) {
    if (error instanceof SyntaxError) return {}; // not the service's JSON: the text itself is kept
    throw error;
  }
}

/** REST asks for tokens over the same HTTP client; only the address tells a token's refusal from the service's. */
function isForCredentials(members: Members, body: Members, text: string): boolean {
  if (credentialText.test(text)) return true;
  const url = membersOf(members['config'])['url'];
  const address = url instanceof URL ? url.href : textOf(url);
  return address !== undefined && body['status'] === undefined && !address.includes('/keyRings/');
}

function detailsOf(details: unknown): Members[] {
  return Array.isArray(details) ? details.map(membersOf) : [];
}

function violationsOf(detail: Members): string[] {
  const violations = detail['violations'];
  if (!Array.isArray(violations)) return [];
  return violations.map(membersOf).map((one) => `${textOf(one['type']) ?? ''} ${textOf(one['description']) ?? ''}`);
}

/** `{ seconds, nanos }` over gRPC, `"1.5s"` over REST. */
function retryAfter(details: readonly Members[]): number | undefined {
  const delay = details.map((detail) => detail['retryDelay']).find((value) => value !== undefined && value !== null);
  if (delay === undefined) return undefined;
  const duration = membersOf(delay);
  const seconds =
    typeof delay === 'string'
      ? Number(/^([0-9.]+)s$/.exec(delay)?.[1])
      : Number(duration['seconds'] ?? 0) + Number(duration['nanos'] ?? 0) / 1e9;
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 3_600_000) : undefined;
}

function find(details: readonly Members[], member: string): string | undefined {
  return details.map((detail) => textOf(detail[member])).find((value) => value !== undefined);
}

function codeOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^[0-9]{1,3}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
}
