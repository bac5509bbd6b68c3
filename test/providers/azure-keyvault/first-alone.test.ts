import { describe, expect, it } from 'vitest';
import { FirstAlone } from '../../../src/providers/azure-keyvault/session.ts';

const never = new AbortController().signal;

function deferred(): { promise: Promise<string>; resolve(value: string): void; reject(error: Error): void } {
  let resolve = (_value: string): void => undefined;
  let reject = (_error: Error): void => undefined;
  const promise = new Promise<string>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the first call of a client', () => {
  it('runs alone until it has succeeded, then the others run together', async () => {
    const gate = new FirstAlone();
    const calls = [deferred(), deferred(), deferred()];
    const begun: number[] = [];
    const answers = calls.map((call, index) =>
      gate.run('x', never, () => {
        begun.push(index);
        return call.promise;
      }),
    );
    await settle();
    expect(begun).toEqual([0]);
    calls[0]?.resolve('a');
    await settle();
    expect(begun).toEqual([0, 1, 2]);
    calls[2]?.resolve('c');
    calls[1]?.resolve('b');
    await expect(Promise.all(answers)).resolves.toEqual(['a', 'b', 'c']);
  });

  it('that fails leaves its place to the next one', async () => {
    const gate = new FirstAlone();
    const calls = [deferred(), deferred(), deferred()];
    const begun: number[] = [];
    const answers = calls.map((call, index) =>
      gate.run('x', never, () => {
        begun.push(index);
        return call.promise;
      }),
    );
    const first = expect(answers[0]).rejects.toThrow('no');
    calls[0]?.reject(new Error('no'));
    await first;
    await settle();
    expect(begun).toEqual([0, 1]);
    calls[1]?.resolve('b');
    calls[2]?.resolve('c');
    await expect(Promise.all(answers.slice(1))).resolves.toEqual(['b', 'c']);
    await expect(gate.run('x', never, async () => 'd')).resolves.toBe('d');
  });

  it('is not waited for by who has given up', async () => {
    const gate = new FirstAlone();
    const first = deferred();
    const leader = gate.run('x', never, () => first.promise);
    const controller = new AbortController();
    let began = false;
    const follower = gate.run('x', controller.signal, async () => {
      began = true;
      return 'b';
    });
    controller.abort();
    first.resolve('a');
    await leader;
    await expect(follower).rejects.toMatchObject({ code: 'ABORTED' });
    expect(began).toBe(false);
  });
});
