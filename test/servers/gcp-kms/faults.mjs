// Faults switched on from outside. Each has `kind`, optionally `method` (all without), `skip` (calls that go through
// before), `times` (1), `keys` (names of keys; it concerns no other) and what its kind needs.
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError, throttled } from './status.mjs';
import { crc32c } from './wire.mjs';

/** Marker: the transport ends the connection or the call without an answer. */
export class Drop extends Error {}

const before = new Set(['delay', 'hang', 'throttle', 'status', 'drop']);

const byteFields = ['ciphertext', 'plaintext', 'mac', 'signature'];
const sumFields = ['ciphertextCrc32c', 'plaintextCrc32c', 'macCrc32c', 'signatureCrc32c', 'pemCrc32c'];

export class Faults {
  #active = [];
  #earlier = new Map();

  add(fault) {
    this.#active.push({ times: 1, ...fault });
  }

  /** Switches off every fault, or the one that was made for exactly these keys. */
  clear(keys) {
    this.#active = keys === undefined ? [] : this.#active.filter((fault) => String(fault.keys) !== String(keys));
  }

  #take(method, request, early) {
    const name = `${request.name || request.parent}/`;
    const at = this.#active.findIndex(
      (fault) =>
        (fault.method === undefined || fault.method === method) &&
        (fault.keys === undefined || fault.keys.some((key) => name.startsWith(`${key}/`))) &&
        before.has(fault.kind) === early,
    );
    if (at < 0) return undefined;
    const fault = this.#active[at];
    if (fault.skip > 0) {
      fault.skip -= 1;
      return undefined;
    }
    fault.times -= 1;
    if (fault.times <= 0) this.#active.splice(at, 1);
    return fault;
  }

  /** What happens before the service looks at a request. */
  async arrive(method, request, signal) {
    const fault = this.#take(method, request, true);
    switch (fault?.kind) {
      case 'delay':
        await delay(fault.milliseconds, undefined, { signal });
        break;
      case 'hang':
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Drop('hung until the caller left'))),
        );
        break;
      case 'throttle':
        throw throttled(fault.retryDelaySeconds);
      case 'status':
        throw new ServiceError(fault.code, fault.message ?? `injected ${fault.code}`, fault.details);
      case 'drop':
        throw new Drop('connection dropped');
      default:
    }
  }

  /** What happens to a right answer on its way back. */
  leave(method, request, reply) {
    const key = `${method} ${request.name || request.parent}`;
    const fault = this.#take(method, request, false);
    if (fault?.kind === 'stale') return this.#earlier.get(key) ?? reply;
    if (!this.#earlier.has(key)) this.#earlier.set(key, reply);
    return fault === undefined ? reply : refit(fault, distort(fault, reply));
  }

  /** From now on "earlier" means the answers after this moment. */
  forget() {
    this.#earlier.clear();
  }
}

/** With `refit`, the checksum is made to fit what was distorted: whoever trusts it alone is deceived. */
function refit(fault, reply) {
  const bytes = byteFields.find((field) => reply[field] !== undefined);
  if (fault.refit !== true || bytes === undefined) return reply;
  return { ...reply, [`${bytes}Crc32c`]: { value: String(crc32c(reply[bytes])) } };
}

function distort(fault, reply) {
  const bytes = byteFields.find((field) => reply[field] !== undefined);
  const sum = sumFields.find((field) => reply[field] !== undefined);
  switch (fault.kind) {
    case 'wrong-name':
      return { ...reply, name: fault.name ?? reply.name?.replace(/[0-9]+$/, '999') };
    case 'wrong-crc':
      return { ...reply, [sum]: { value: String((Number(reply[sum].value) ^ 1) >>> 0) } };
    case 'missing-crc':
      return { ...reply, [sum]: null };
    case 'unverified':
      return Object.fromEntries(Object.entries(reply).map(([k, v]) => [k, /^verified.*Crc32c$/.test(k) ? false : v]));
    case 'flip': {
      const flipped = Buffer.from(reply[bytes] ?? reply.pem);
      flipped[flipped.length >> 1] ^= 1;
      return bytes === undefined ? { ...reply, pem: flipped.toString('latin1') } : { ...reply, [bytes]: flipped };
    }
    case 'truncate':
      return { ...reply, [bytes]: reply[bytes].subarray(0, -1) };
    case 'contradict':
      return { ...reply, verifiedSuccessIntegrity: !reply.success };
    case 'replace':
      return { ...reply, ...fault.reply };
    default:
      throw new TypeError(`unknown fault ${fault.kind}`);
  }
}
