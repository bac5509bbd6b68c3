// One call of the service, whatever the transport: faults, who calls, may they, the method, faults on the way back.
import { methods } from './operations.mjs';
import { ServiceError } from './status.mjs';

export class Service {
  constructor({ store, access, faults }) {
    this.store = store;
    this.access = access;
    this.faults = faults;
    /** What arrived, in order: method, resource, principal, outcome. Never bytes of a request. */
    this.journal = [];
  }

  /** @param {AbortSignal} signal - aborted when the caller has gone */
  async call(method, request, { authorization, transport, signal, headers = {} }) {
    const { permission, resource, run } = methods[method];
    const entry = {
      method,
      transport,
      resource: request[resource],
      headers,
      principal: undefined,
      outcome: 'PENDING',
      at: Date.now(),
    };
    this.journal.push(entry);
    try {
      await this.faults.arrive(method, request, signal);
      entry.principal = this.access.authenticate(authorization);
      this.access.authorize(entry.principal, permission, request[resource]);
      const reply = this.faults.leave(method, request, await run(this.store, request));
      entry.outcome = 'OK';
      return reply;
    } catch (error) {
      entry.outcome = error instanceof ServiceError ? error.code : error.constructor.name;
      throw error;
    }
  }
}
