import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../servers/free-port.ts';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';
import { TopicPlace } from '../../support/topic-command.ts';
import { addClient, TopicProcess } from '../../support/topic-process.ts';

/** Brokers that do not answer: the client's own clock ends the waiting, after half a minute. */

let built: BuiltPackage;

beforeAll(async () => {
  built = await buildPackage({ own: true });
  addClient(built);
});
afterAll(() => built.remove());

it.each([
  ['nobody listens', freePort],
  [
    'somebody says nothing',
    async () => {
      const silent = createServer(() => undefined).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      onTestFinished(() => void silent.close());
      return (silent.address() as { port: number }).port;
    },
  ],
])('%s: an error in bounded time', async (_, port) => {
  const place = new TopicPlace();
  onTestFinished(() => place.remove());
  const argv = place.args(`kafka://127.0.0.1:${await port()}/logs`, '--state', place.state);
  const verifier = new TopicProcess(built, argv);
  expect(await verifier.done()).toBe(2);
  expect(verifier.stderr).toMatch(/(UNAVAILABLE|TIMEOUT)[\s\S]*addresses of the brokers/);
  expect(verifier.stdout).toBe('');
});
