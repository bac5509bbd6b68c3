import { isError, TamperError } from '../../../errors.ts';
import { isTlsCode } from '../../../foundation/connection-failure.ts';
import { type Meaning, meanings, serviceError } from '../service-error.ts';
import { unreadableFile } from '../unreadable-file.ts';
import { membersOf, textOf } from '../vendor-text.ts';
import { networkCodeOf } from './vendor-error.ts';

/** What a token service answered last. */
export interface TokenAnswer {
  readonly status?: number;
  /** How long it wants us to wait, in milliseconds, where it said so. */
  readonly retryAfterMs?: number | undefined;
}

const hint = 'Check the credentials of this host with: fapilog-tamper doctor';
const awayHint = 'Check AZURE_AUTHORITY_HOST, proxies, and the network path from this host to the token service.';

/** What some refusals are about, by their code. */
const refusals: readonly (readonly [code: RegExp, says: string, hint: string])[] = [
  [
    /AADSTS(?:90002|900023|50059)\b/,
    'there is no such tenant',
    'Check azure_tenant_id: it is the tenant of the vault.',
  ],
  [/AADSTS700016\b/, 'the tenant does not know this client', 'Check azure_client_id and azure_tenant_id.'],
  [
    /AADSTS(?:7000215|7000222)\b/,
    'the client secret is wrong or has expired',
    'Create a new one, or use a managed identity.',
  ],
  [
    /AADSTS(?:70021|700213|700024)\b/,
    'the federated token does not match, or has expired',
    'Compare issuer, subject and audience with the federated credential.',
  ],
];

/**
 * Puts what a credential threw into one of our codes: `UNAUTHENTICATED` where there is no credential or it was refused,
 * `UNAVAILABLE`, `THROTTLED` or `TLS_FAILED` where the token service could not be asked. Of the text only its error codes
 * go along (`AADSTS7000215`): a token service answers with what it was sent.
 *
 * @param kind - which credential, for the message: `service principal`
 * @param seen - the token service's last answer, which the SDK forgets
 */
export function mapCredentialError(error: unknown, kind: string, seen: TokenAnswer = {}): TamperError {
  if (error instanceof TamperError) return error;
  const facts = credentialFacts(error);
  const { name, text } = facts;
  const status = seen.status === 200 ? facts.status : (seen.status ?? facts.status);
  const codes = [...new Set(text.match(/AADSTS\d+/g) ?? [])].slice(0, 3).join(', ');
  const network = networkCodeOf(error);
  const shown = [name, status, codes || undefined, network].filter((part) => part !== undefined).join(', ');
  const cause = new Error(shown);
  cause.name = name;
  delete cause.stack;
  const failed = (meaning: Meaning, says: string, retryAfterMs?: number): TamperError =>
    serviceError(meaning, `Azure ${kind}: ${says} (${shown})`, { cause, retryAfterMs });
  if (isTlsCode(network)) return failed(meanings.untrusted, 'no trusted connection to the token service');
  if (status === 429) return failed(meanings.throttled, 'too many token requests', seen.retryAfterMs);
  const unread = unreadableFile(text);
  const refused =
    unread !== undefined || codes !== '' || (status !== undefined && status >= 400 && status < 500 && status !== 408);
  const away = network !== undefined || /endpoints_resolution_error|network_error|timeout|timed out/i.test(text);
  if ((status ?? 0) >= 500 || status === 408 || (away && !refused)) {
    return failed({ ...meanings.unreachable, hint: awayHint }, 'the token service cannot be reached');
  }
  const known = refusals.find(([code]) => code.test(codes));
  const says =
    known?.[1] ?? unread ?? (/Unavailable|Aggregate/.test(name) ? 'no credentials' : 'the credentials were refused');
  return failed({ code: 'UNAUTHENTICATED', hint: known?.[2] ?? hint }, says);
}

/** Name, status and text of an error and of those it wraps; a chain's is an aggregate. */
function credentialFacts(error: unknown): { name: string; status: number | undefined; text: string } {
  const texts: string[] = [];
  let status: number | undefined;
  const queue: unknown[] = [error];
  for (let at = queue.shift(), seen = 0; at !== undefined && seen < 32; at = queue.shift(), seen += 1) {
    const members = membersOf(at);
    const answered = membersOf(members['errorResponse']);
    for (const text of [members['message'], answered['error'], answered['errorDescription'], members['errorMessage']]) {
      texts.push(textOf(text) ?? '');
    }
    if (typeof members['statusCode'] === 'number') status ??= members['statusCode'];
    if (Array.isArray(members['errors'])) queue.push(...(members['errors'] as unknown[]));
    if (members['cause'] !== undefined) queue.push(members['cause']);
  }
  return { name: isError(error) ? error.name : 'unknown', status, text: texts.join('\n') };
}
