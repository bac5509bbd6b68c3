import { isError, systemCode, TamperError } from '../../errors.ts';

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$)/;

/** Turns an error of a connection into one of ours: `UNAVAILABLE` (retryable), `TLS_FAILED` or `RESPONSE_MALFORMED`. */
export function networkError(cause: unknown, host: string): TamperError {
  const code = codeOf(cause);
  if (tlsCode.test(code)) {
    return new TamperError('TLS_FAILED', `Vault at ${host}: no trusted TLS connection (${code})`, {
      cause,
      hint: 'Check the CA (VAULT_CACERT, vault_ca_file), the server name (VAULT_TLS_SERVER_NAME) and the client certificate.',
    });
  }
  if (code.startsWith('HPE_')) {
    // the cause holds the raw answer, which may hold secrets: it is not kept
    return new TamperError('RESPONSE_MALFORMED', `Vault at ${host}: the answer is not HTTP (${code})`);
  }
  const known = unreachable.has(code) ? code : code || 'no response';
  return new TamperError('UNAVAILABLE', `Vault at ${host} cannot be reached (${known})`, {
    cause,
    retryable: true,
    hint: 'Check VAULT_ADDR and the network path to it.',
  });
}

function codeOf(cause: unknown): string {
  if (!isError(cause)) return '';
  const code = systemCode(cause);
  if (code !== '') return code;
  return cause.cause === undefined ? '' : codeOf(cause.cause);
}
