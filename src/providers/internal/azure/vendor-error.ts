import { isError, systemCode } from '../../../errors.ts';
import { findInCauses, isNetworkCode, isTlsCode } from '../../../foundation/connection-failure.ts';
import { membersOf, numberOf, printableLine, textOf } from '../vendor-text.ts';

/** What an error of the Azure SDK says, without anything of the request. */
export interface VendorFacts {
  readonly name: string;
  /** The service's error code (`Forbidden`), or Node's (`ECONNREFUSED`). */
  readonly code: string | undefined;
  /** The service's inner code (`KeyDisabled`). */
  readonly inner: string | undefined;
  readonly status: number | undefined;
  /** The first line of the service's message, shortened, without anything that looks like a token. */
  readonly message: string | undefined;
  readonly requestId: string | undefined;
  /** The `Retry-After` header, as it came. */
  readonly retryAfter: string | undefined;
}

/** Reads an error of the SDK, whatever class it has: an injected client may come from another copy. */
export function vendorFacts(error: unknown): VendorFacts {
  const top = membersOf(error);
  const reply = membersOf(membersOf(top['details'])['error']);
  const inner = membersOf(reply['innerError'] ?? reply['innererror']);
  const headers = membersOf(membersOf(top['response'])['headers']);
  const header = (name: string): string | undefined =>
    typeof headers['get'] === 'function' ? textOf(headers['get'].call(headers, name)) : undefined;
  const code = textOf(reply['code']) ?? textOf(top['code']);
  const message = textOf(reply['message']) ?? textOf(top['message']);
  return {
    name: isError(error) ? error.name : 'unknown',
    code: code === 'REQUEST_SEND_ERROR' || code === undefined ? (networkCodeOf(error) ?? code) : code,
    inner: textOf(inner['code']),
    status: numberOf(top['statusCode']),
    message: message && printableLine(message, 120),
    requestId: header('x-ms-request-id'),
    retryAfter: header('retry-after'),
  };
}

/** Node's own code, which may stand several causes deep. */
export function networkCodeOf(error: unknown): string | undefined {
  return findInCauses(error, (at) => {
    const code = systemCode(at);
    if (isTlsCode(code) || isNetworkCode(code)) return code;
    const found =
      at instanceof AggregateError ? at.errors.map(networkCodeOf).find((one) => one !== undefined) : undefined;
    return found ?? /\b(?:ECONN[A-Z]+|ENOTFOUND|EAI_[A-Z]+|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)\b/.exec(at.message)?.[0];
  });
}

/** An error that stands for one of the SDK's as a `cause`: the SDK's own holds the request, its headers and its body. */
export function withoutRequest(facts: VendorFacts): Error {
  const words = [facts.status, facts.code, facts.inner].filter((word) => word !== undefined);
  const cause = new Error(words.length === 0 ? facts.name : words.join(' '));
  cause.name = facts.name;
  delete cause.stack;
  return cause;
}
