import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Webhook, WebhookSecret } from '../../../src/audit/watch/webhook.ts';
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts';

const bytes = Buffer.from('canary-7f3a-canary-7f3a-canary-7f', 'latin1');
const secret = new WebhookSecret(bytes);
const message = { id: 'msg_1', body: '{"type":"audit.finding","text":"ä"}' };
let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const hook = (more: Partial<ConstructorParameters<typeof Webhook>[0]> = {}): Webhook =>
  new Webhook({ url: receiver.url, secret, ...more });
const send = (webhook: Webhook, signal = new AbortController().signal): Promise<void> => webhook.send(message, signal);

describe('a message', () => {
  it('is signed as Standard Webhooks has it: its published example', () => {
    const example = new WebhookSecret(Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'));
    expect(example.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it('arrives as it is, with headers that its receiver can check', async () => {
    await send(hook());
    const [{ method, url, headers, body } = expect.fail('nothing came')] = receiver.received;
    expect([method, url, body]).toEqual(['POST', '/hook', message.body]);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'msg_1' });
    const signed = `msg_1.${String(headers['webhook-timestamp'])}.${body}`;
    const mac = createHmac('sha256', bytes).update(signed, 'utf8').digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(300);
  });
});

describe('a receiver', () => {
  it.each([
    [400, false],
    [401, false],
    [410, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ])('that answers %i has not taken the message; worth another attempt: %s', async (status, retryable) => {
    receiver.answer = (response) => response.writeHead(status, { 'retry-after': '7' }).end('no');
    await expect(send(hook())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`HTTP status ${status}`),
      retryAfterMs: 7_000,
      retryable,
    });
  });

  it.each([301, 302, 303, 307, 308])('that redirects (%i) is not followed', async (status) => {
    const other = await startReceiver();
    try {
      receiver.answer = (response) => response.writeHead(status, { location: other.url }).end();
      await expect(send(hook())).rejects.toMatchObject({ message: expect.stringContaining('which is not followed') });
      expect(other.received).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('that does not answer is given up', async () => {
    receiver.answer = () => undefined;
    await expect(send(hook({ timeoutMs: 50 }))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('that is told to wait for is given up at once at the end', async () => {
    receiver.answer = () => undefined;
    const stop = new AbortController();
    const sending = send(hook(), stop.signal);
    await receiver.got(1);
    stop.abort();
    await expect(sending).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('that is not there, or breaks off, has not taken the message', async () => {
    receiver.answer = (response) => response.destroy();
    await expect(send(hook())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const { url } = receiver;
    await receiver.close();
    await expect(send(hook({ url }))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    receiver = await startReceiver();
  });

  it('that sends without end costs no memory', async () => {
    let ended = (): void => undefined;
    const over = new Promise<void>((resolve) => (ended = resolve));
    receiver.answer = (response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write('x'.repeat(65_536), more));
      response.on('close', ended);
      more();
    };
    await send(hook());
    await over;
  });
});

describe('an address', () => {
  it.each([
    ['http://alerts.example.com/canary', 'INSECURE_ENDPOINT'],
    ['HTTP://alerts.example.com/canary', 'INSECURE_ENDPOINT'],
    ['http://127.0.0.1.example.com/canary', 'INSECURE_ENDPOINT'],
    ['https://user:canary@alerts.example.com/', 'USAGE'],
    ['https://canary@alerts.example.com/', 'USAGE'],
    ['file:///canary', 'USAGE'],
    ['canary', 'USAGE'],
    ['https://', 'USAGE'],
  ])('%s is refused, and not repeated', (url, code) => {
    expect(() => hook({ url })).toThrow(
      expect.objectContaining({ code, message: expect.not.stringContaining('canary') }),
    );
  });

  it.each(['https://alerts.example.com/x', 'http://localhost:1/x', 'http://127.0.0.1/x', 'http://[::1]:8/x'])(
    '%s is taken, and named without what may be a secret in it',
    (url) => {
      expect(hook({ url }).what).toBe(`the webhook ${new URL(url).origin}`);
    },
  );
});

describe('a secret', () => {
  it('is in no error and in no print of anything', async () => {
    receiver.answer = (response) => response.writeHead(500).end();
    const webhook = hook({ url: `${receiver.url}/path-canary` });
    const error: unknown = await send(webhook).catch((thrown: unknown) => thrown);
    const all = [webhook, secret, error].map(
      (one) => inspect(one, { depth: 20, showHidden: true }) + JSON.stringify(one),
    );
    for (const spelling of ['latin1', 'base64', 'hex', 'base64url'] as const) {
      expect(all.join('\n')).not.toContain(bytes.toString(spelling));
    }
    expect(JSON.stringify(error) + String(error)).not.toContain('path-canary');
  });

  it.each([0, 23, 65])('of %i bytes is refused', (length) => {
    expect(() => new WebhookSecret(Buffer.alloc(length))).toThrow(expect.objectContaining({ code: 'KEY_MALFORMED' }));
  });

  it('signs nothing after it was erased', () => {
    const erased = new WebhookSecret(bytes);
    erased.erase();
    expect(() => erased.sign('a', 1, 'b')).toThrow(expect.objectContaining({ code: 'PROVIDER_CLOSED' }));
  });
});
