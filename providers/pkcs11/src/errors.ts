import { isTamperError, TamperError, type TamperErrorCode } from 'fapilog-tamper/keys';

/** The name of a PKCS#11 return value, such as `CKR_PIN_INCORRECT`; undefined for anything else that was thrown. */
export function returnValueOf(error: unknown): string | undefined {
  return error instanceof Error && /^CKR_\w+$/.test(error.message) ? error.message : undefined;
}

/** Return values after which a session, its login or its object handles are of no more use: a new session may help. */
const LOST = new Set([
  'CKR_CRYPTOKI_NOT_INITIALIZED',
  'CKR_DEVICE_ERROR',
  'CKR_DEVICE_REMOVED',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_OPERATION_ACTIVE',
  'CKR_OPERATION_NOT_INITIALIZED',
  'CKR_SESSION_CLOSED',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_USER_NOT_LOGGED_IN',
]);

export function isLost(error: unknown): boolean {
  return LOST.has(returnValueOf(error) ?? '');
}

interface Meaning {
  readonly code: TamperErrorCode;
  readonly hint: string;
}

const lockedPin = 'Have the security officer set a new PIN (C_InitPIN), and write it into pin_file.';
const wrongPin =
  'Write the right PIN into pin_file. This PIN is not tried again, because a few wrong ones lock the token.';
const noMechanism = 'The token cannot do this with this kind of key: see the table of key kinds in the documentation.';

const MEANINGS: Readonly<Record<string, Meaning>> = {
  CKR_PIN_INCORRECT: { code: 'UNAUTHENTICATED', hint: wrongPin },
  CKR_PIN_INVALID: { code: 'UNAUTHENTICATED', hint: wrongPin },
  CKR_PIN_LEN_RANGE: { code: 'UNAUTHENTICATED', hint: wrongPin },
  CKR_PIN_EXPIRED: { code: 'CREDENTIALS_EXHAUSTED', hint: 'Change the PIN (C_SetPIN), and write it into pin_file.' },
  CKR_PIN_LOCKED: { code: 'CREDENTIALS_EXHAUSTED', hint: lockedPin },
  CKR_USER_PIN_NOT_INITIALIZED: { code: 'UNAUTHENTICATED', hint: lockedPin },
  CKR_USER_NOT_LOGGED_IN: { code: 'UNAUTHENTICATED', hint: 'Something in this process logs out of the token.' },
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: {
    code: 'UNAUTHENTICATED',
    hint: 'The security officer is logged in to this token in this process: log out first.',
  },
  CKR_ACTION_PROHIBITED: { code: 'ACCESS_DENIED', hint: 'Permit this user of the token to use the key so.' },
  CKR_FUNCTION_REJECTED: { code: 'ACCESS_DENIED', hint: 'Permit this user of the token to use the key so.' },
  CKR_KEY_FUNCTION_NOT_PERMITTED: {
    code: 'KEY_WRONG_USAGE',
    hint: 'Set the attribute of the key that permits it: CKA_ENCRYPT and CKA_DECRYPT, or CKA_SIGN.',
  },
  CKR_KEY_TYPE_INCONSISTENT: { code: 'KEY_WRONG_USAGE', hint: noMechanism },
  CKR_KEY_SIZE_RANGE: { code: 'KEY_WRONG_USAGE', hint: noMechanism },
  CKR_MECHANISM_INVALID: { code: 'UNSUPPORTED_OPERATION', hint: noMechanism },
  CKR_MECHANISM_PARAM_INVALID: { code: 'UNSUPPORTED_OPERATION', hint: noMechanism },
  CKR_FUNCTION_NOT_SUPPORTED: { code: 'UNSUPPORTED_OPERATION', hint: noMechanism },
  CKR_SESSION_COUNT: {
    code: 'THROTTLED',
    hint: 'The token has no session left: end other processes that use it, or raise its limit.',
  },
  CKR_SLOT_ID_INVALID: { code: 'UNAVAILABLE', hint: 'Check slot, or name the token by its label.' },
  CKR_TOKEN_NOT_RECOGNIZED: { code: 'UNAVAILABLE', hint: 'Check that module is the library of this token.' },
};

const RETRYABLE: ReadonlySet<TamperErrorCode> = new Set(['THROTTLED', 'UNAVAILABLE']);

/** What was thrown while a token was used, with a code of the package. What is not of PKCS#11 stays what it is. */
export function tokenError(error: unknown, token: string): unknown {
  const name = returnValueOf(error);
  if (name === undefined || isTamperError(error)) return error;
  const { code, hint } = MEANINGS[name] ?? {
    code: 'UNAVAILABLE' as const,
    hint: 'Check that the token is there, and what the log of its library says.',
  };
  const method = error instanceof Error && 'method' in error && typeof error.method === 'string' ? error.method : '';
  return new TamperError(code, `PKCS#11 ${token} answered ${name}${method && ` to ${method}`}`, {
    cause: error,
    hint,
    retryable: RETRYABLE.has(code),
  });
}
