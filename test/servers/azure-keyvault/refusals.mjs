// The service's error bodies: {"error":{"code","message","innererror":{"code"}}}.

export class Refusal extends Error {
  constructor(status, code, message, { inner, headers } = {}) {
    super(message);
    this.status = status;
    this.headers = headers ?? {};
    this.body = { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } };
  }
}

export const badParameter = (message) => new Refusal(400, 'BadParameter', message);
export const forbidden = (message, inner) => new Refusal(403, 'Forbidden', message, { inner });
export const keyNotFound = (id) =>
  new Refusal(
    404,
    'KeyNotFound',
    `A key with (name/id) ${id} was not found in this key vault. If you recently deleted this key you may be able to ` +
      'recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182',
  );
export const deletedButRecoverable = (name) =>
  new Refusal(
    409,
    'Conflict',
    `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.`,
    { inner: 'ObjectIsDeletedButRecoverable' },
  );
