// Faults that are switched on from outside. One fault is { on, kind, skip, times, …}: `on` names the operation it waits for
// (get, versions, sign, …, token, managed-identity, or * for every operation of the vault); `skip` so many go through before;
// `keys` names the keys that it concerns (all without).
import { setTimeout as delay } from 'node:timers/promises';

export class Faults {
  #faults = [];

  add(fault) {
    this.#faults.push({ times: Number.POSITIVE_INFINITY, ...fault });
  }

  /** Switches off every fault, or the one that was made for exactly these keys. */
  clear(keys) {
    this.#faults = keys === undefined ? [] : this.#faults.filter((fault) => String(fault.keys) !== String(keys));
  }

  /** Takes the next fault for an operation; it is used up after `times`. */
  take(operation, key) {
    const at = this.#faults.findIndex(
      (fault) =>
        (fault.on === operation || (key !== undefined && fault.on === '*')) &&
        (fault.keys === undefined || fault.keys.includes(key)),
    );
    const fault = this.#faults[at];
    if (fault === undefined) return undefined;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return undefined;
    }
    fault.times -= 1;
    if (fault.times <= 0) this.#faults.splice(at, 1);
    return fault;
  }
}

/** What a fault does before the operation runs. @returns {Promise<boolean>} true where the reply is done (or never comes) */
export async function before(fault, response, sent = '') {
  switch (fault?.kind) {
    case 'delay':
      await delay(fault.ms);
      return false;
    case 'hang':
      return true;
    case 'reset':
      response.socket?.destroy();
      return true;
    case 'throttle':
      reply(
        response,
        429,
        { error: { code: 'Throttled', message: 'Request was not processed because too many requests were received.' } },
        fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) },
      );
      return true;
    case 'status':
      if (fault.text !== undefined) {
        response.writeHead(fault.status, { 'content-type': 'text/html' }).end(fault.text);
      } else {
        reply(response, fault.status, fault.body ?? { error: { code: 'InternalServerError', message: 'Injected.' } });
      }
      return true;
    case 'echo': {
      const innererror = { code: 'ForbiddenByRbac' };
      const error = { code: fault.status === 400 ? 'BadParameter' : 'Forbidden', message: sent, innererror };
      reply(
        response,
        fault.status,
        fault.on === 'token' ? { error: 'invalid_client', error_description: sent } : { error },
      );
      return true;
    }
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"key":{"kid":');
      return true;
    default:
      return false;
  }
}

/** What a fault does to a finished answer. */
export function after(fault, answer) {
  switch (fault?.kind) {
    case 'kid':
      if (answer.key !== undefined) answer.key.kid = fault.kid;
      else answer.kid = fault.kid;
      return answer;
    case 'truncate':
      return { ...answer, value: answer.value.subarray(0, answer.value.length - (fault.bytes ?? 1)) };
    case 'flip': {
      const value = Buffer.from(answer.value);
      value[value.length - 1] ^= 1;
      return { ...answer, value };
    }
    case 'merge':
      return { ...answer, ...fault.members };
    default:
      return answer;
  }
}

/** Sends JSON; with the fault `half` the connection ends in the middle of it. */
export function reply(response, status, body, headers = {}, fault = undefined) {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': text.length,
  });
  if (fault?.kind === 'half') {
    response.write(text.subarray(0, text.length / 2), () => response.socket?.destroy());
    return;
  }
  response.end(text);
}
