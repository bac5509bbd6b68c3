/** Why a request got no reply, by the code that Node.js gives: the same for every service that is asked over a network. */
import { isError, systemCode } from '../errors.ts';

/** What `node:tls` calls its failures, and what OpenSSL finds wrong with a certificate. */
const TLS =
  /^(?:ERR_(?:TLS|SSL)_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_|EPROTO$|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$)/;
/** What the system, a name server, and the clients of Node.js say of a connection that was not made, or broke. */
const NETWORK =
  /^(?:ECONN|EAI_|UND_ERR_|ENOTFOUND$|EPIPE$|EHOST(?:UNREACH|DOWN)$|ENET(?:UNREACH|DOWN)$|EADDRNOTAVAIL$|ETIMEDOUT$|ERR_STREAM_PREMATURE_CLOSE$)/;

/** Whether the other side was reached, and cannot be trusted. */
export function isTlsCode(code: string | undefined): boolean {
  return code !== undefined && TLS.test(code);
}

/**
 * The same, of a connection that we make by ourselves: there OpenSSL's other errors are about it too. An SDK's may be about a
 * private key that it cannot read.
 */
export function isOwnTlsCode(code: string): boolean {
  return isTlsCode(code) || code.startsWith('ERR_OSSL_');
}

/** Whether the other side could not be reached, or went away: later it may be there. */
export function isNetworkCode(code: string | undefined): boolean {
  return code !== undefined && NETWORK.test(code);
}

/** What `look` finds in an error, or else in one of its causes: an SDK wraps a failure several times. */
export function findInCauses<T>(error: unknown, look: (at: Error) => T | undefined): T | undefined {
  for (let at = error, depth = 0; isError(at) && depth < 8; at = at.cause, depth += 1) {
    const found = look(at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The code that Node.js gave a failure: `ECONNREFUSED`. Codes of services are not spelled so. */
export function nodeCodeOf(error: unknown): string | undefined {
  return findInCauses(error, (at) => /^[A-Z][A-Z0-9_]{2,}$/.exec(systemCode(at))?.[0]);
}
