import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { isTamperError } from '../../src/errors.ts';
import { Replaced } from '../../src/foundation/file-identity.ts';
import type { ObjectStorage } from '../../src/storage/object-storage.ts';
import type { Answer, Fault, FaultProxy } from '../servers/fault-proxy.ts';
import { objectIn, type StorageUnderTest } from './storage-conformance.ts';

/** What an object store of a service does when its server, or what stands before it, misbehaves. */

/** A service whose requests go through a proxy. */
export interface FaultyService {
  /** Makes an empty bucket; its clients wait long for an answer. */
  open(): Promise<StorageUnderTest>;
  proxy(): FaultProxy;
  /** What must be in no error. */
  readonly secrets: readonly string[];
  /** How the service says that this identity may not, and that it knows no such identity. */
  readonly refusals: { readonly denied: Fault; readonly unknown: Fault };
  /** Names the version of an object in the head of a reply. */
  readonly versionHeader: string;
}

type Method = 'list' | 'read' | 'get' | 'put';
const methods: readonly Method[] = ['list', 'read', 'get', 'put'];
const CONTENT = '0123456789'.repeat(10);

/** The suite that every service passes. */
export function testStorageFaults({ open, proxy, secrets, refusals, versionHeader }: FaultyService): void {
  afterEach(() => proxy().heal());

  /** A bucket with one object, and each method as one call. `patient`: a machine that is slow is no fault. */
  async function ready({
    patient = true,
  } = {}): Promise<StorageUnderTest & { call(method: Method, signal?: AbortSignal): Promise<unknown> }> {
    const under = await open();
    await under.write('logs/a', CONTENT);
    const object = await objectIn(under.store, 'logs/a');
    const store = patient ? under.store : await under.another(250);
    const calls: Record<Method, (signal?: AbortSignal) => Promise<unknown>> = {
      list: async (signal) => {
        for await (const page of store.list('logs/', signal)) return page.length;
        return 0;
      },
      read: async (signal) => (await store.read(object, 10, 20, signal)).toString(),
      get: async (signal) => (await store.get('logs/a', 1000, signal))?.bytes.toString(),
      put: (signal) => store.put('logs/b', Buffer.from('new'), undefined, signal),
    };
    proxy().resetCounts();
    return { ...under, call: (method, signal) => calls[method](signal) };
  }

  async function failure(call: Promise<unknown>): Promise<unknown> {
    return call.then(
      (value) => expect.fail(`it gave ${inspect(value)}`),
      (error: unknown) => error,
    );
  }

  function expectNoSecret(error: unknown): void {
    const shown = inspect(error, { depth: null, showHidden: true });
    for (const secret of secrets) expect(shown).not.toContain(secret);
  }

  it('is asked once for a page, a range, an object and a write', async () => {
    const { call } = await ready();
    for (const [n, method] of methods.entries()) {
      await call(method);
      expect([method, proxy().count()]).toEqual([method, n + 1]);
    }
  });

  describe.each(methods)('%s', (method) => {
    const faults: readonly [string, Fault][] = [
      ['ends in the middle of its answer', { kind: 'half' }],
      ['says nothing more in the middle of its answer', { kind: 'stall' }],
      ['resets the connection', { kind: 'reset' }],
      ['is overloaded', { kind: 'status', status: 503 }],
      ['asks for fewer requests', { kind: 'status', status: 429, headers: { 'retry-after': '0' } }],
      ['fails without a word', { kind: 'status', status: 500 }],
      ['is another one', { kind: 'garbage' }],
      ['is another one, which has no such page', { kind: 'status', status: 400, body: '<html>no</html>' }],
      ['says yes to everything', { kind: 'status', status: 200 }],
      ['sends elsewhere', { kind: 'status', status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
      ['repeats what it was sent', { kind: 'echo' }],
    ];
    it.each(faults)('of a server that %s is an error without a secret', async (_, fault) => {
      const { call, another } = await ready({ patient: !['half', 'stall'].includes(fault.kind) });
      proxy().inject(fault);
      const error = await call(method).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      proxy().heal();
      if (error === undefined) {
        // the head of the answer to a write has all of it
        expect([method, ['half', 'stall'].includes(fault.kind)]).toEqual(['put', true]);
        expect((await (await another()).get('logs/b', 10))?.bytes.toString()).toBe('new');
        return;
      }
      expect(error).toMatchObject({ code: expect.stringMatching(/^(?:UNAVAILABLE|RESPONSE_MALFORMED)$/) });
      const passing = ['half', 'stall', 'reset'].includes(fault.kind) || [503, 429, 500].includes(statusOf(fault));
      if (passing) expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      expectNoSecret(error);
    });

    it('that hangs ends in its time, or when it is given up', async () => {
      const { call: impatient } = await ready({ patient: false });
      proxy().inject({ kind: 'hang' });
      const error = await failure(impatient(method));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      expectNoSecret(error);
      proxy().heal();
      const { call } = await ready();
      proxy().inject({ kind: 'hang' });
      const controller = new AbortController();
      const given = failure(call(method, controller.signal));
      const before = proxy().count();
      while (proxy().count() === before) await new Promise((resolve) => setTimeout(resolve, 5));
      controller.abort();
      expect(await given).toMatchObject({ code: 'ABORTED' });
    });

    it('that fails once is repeated', async () => {
      const { call } = await ready();
      for (const fault of [{ kind: 'status', status: 503 }, { kind: 'reset' }] as const) {
        const { call: again } = await ready();
        const expected = method === 'put' ? expect.any(String) : await call(method);
        proxy().resetCounts();
        proxy().inject(fault, { times: 1 });
        expect(await again(method)).toEqual(expected);
        expect(proxy().count()).toBe(2);
      }
    });

    it('by one who may not, or is not known, says so without a secret', async () => {
      const { call } = await ready();
      proxy().inject(refusals.denied);
      const denied = await failure(call(method));
      expect(denied).toMatchObject({ code: 'ACCESS_DENIED', hint: expect.any(String) });
      expectNoSecret(denied);
      proxy().inject(refusals.unknown);
      const unknown = await failure(call(method));
      expect(unknown).toMatchObject({ code: 'UNAUTHENTICATED', hint: expect.any(String) });
      expectNoSecret(unknown);
    });
  });

  it.each(['read', 'get'] as const)('%s that stalls in the middle of a body can be given up', async (method) => {
    const { call } = await ready();
    proxy().inject({ kind: 'stall' });
    const controller = new AbortController();
    const given = failure(call(method, controller.signal));
    while (proxy().count() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    setTimeout(() => controller.abort(), 100);
    expect(await given).toMatchObject({ code: 'ABORTED' });
  });

  const without = (name: string, { headers }: Answer): Answer['headers'] =>
    Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));

  it.each<[string, (answer: Answer) => Partial<Answer>]>([
    ['is shorter than promised', ({ content }) => ({ content: content.subarray(0, 7) })],
    ['is empty', () => ({ content: Buffer.alloc(0) })],
    ['is longer than promised', ({ content }) => ({ content: Buffer.concat([content, Buffer.from('x')]) })],
    [
      'is the whole object',
      (answer) => ({ status: 200, content: Buffer.from(CONTENT), headers: without('content-range', answer) }),
    ],
    ['does not say its range', (answer) => ({ headers: without('content-range', answer) })],
    ['begins elsewhere', ({ headers }) => ({ headers: { ...headers, 'content-range': 'bytes 11-30/100' } })],
    [
      'is of an object of another size',
      ({ headers }) => ({ headers: { ...headers, 'content-range': 'bytes 10-29/99' } }),
    ],
    ['does not say its version', (answer) => ({ headers: without(versionHeader, answer) })],
    ['is of another version', ({ headers }) => ({ headers: { ...headers, [versionHeader]: '"77"' } })],
  ])('a range that %s is an error, never the end of the object', async (_, edit) => {
    const { call } = await ready();
    proxy().inject({ kind: 'edit', edit });
    const error = await failure(call('read'));
    const known = error instanceof Replaced || isTamperError(error, 'UNAVAILABLE');
    expect([known || isTamperError(error, 'RESPONSE_MALFORMED'), error]).toEqual([true, error]);
  });

  it('an object that breaks off, or says no version, is an error', async () => {
    const { call } = await ready();
    proxy().inject({ kind: 'edit', edit: (answer) => ({ headers: without(versionHeader, answer) }) });
    expect(await failure(call('get'))).toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  it('a listing of other keys than were asked for is an error', async () => {
    const { call } = await ready();
    const edit = ({ content }: Answer): Partial<Answer> => ({
      content: Buffer.from(content.toString().replaceAll('logs/a', 'lags/a').replaceAll('logs%2Fa', 'lags%2Fa')),
    });
    proxy().inject({ kind: 'edit', edit });
    expect(await failure(call('list'))).toMatchObject({ code: 'RESPONSE_MALFORMED' });
  });

  it('a write whose answer is lost is repeated, and known as our own', async () => {
    const { store } = await ready();
    proxy().inject({ kind: 'lost' }, { times: 1 });
    const first = await store.put('memory', Buffer.from('first'), undefined);
    expect((await store.get('memory', 10))?.version).toBe(first);
    proxy().inject({ kind: 'lost' }, { times: 1 });
    const second = await store.put('memory', Buffer.from('second'), first);
    expect(await store.get('memory', 10)).toEqual({ bytes: Buffer.from('second'), version: second });
  });

  it('a write that is repeated while somebody else writes is one of the two', async () => {
    const { store, another } = await ready();
    const other: ObjectStorage = await another();
    const first = await store.put('memory', Buffer.from('first'), undefined);
    proxy().inject({ kind: 'status', status: 503 }, { times: 1 });
    const meanwhile = store.put('memory', Buffer.from('ours'), first);
    const theirs = await other.put('memory', Buffer.from('theirs'), first);
    const ours = await meanwhile;
    expect([ours, theirs].filter((version) => version !== undefined)).toHaveLength(1);
    const there = (await store.get('memory', 10))?.bytes.toString();
    expect(there).toBe(ours === undefined ? 'theirs' : 'ours');
  });
}

function statusOf(fault: Fault): number {
  return fault.kind === 'status' ? fault.status : 0;
}
