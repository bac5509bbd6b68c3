import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyResult } from '../../../src/audit/check/results.ts';
import { Notifier } from '../../../src/audit/watch/notifier.ts';
import { Webhook, type WebhookMessage, WebhookSecret } from '../../../src/audit/watch/webhook.ts';
import { TamperError } from '../../../src/errors.ts';
import type { StreamResult } from '../../../src/index.ts';
import { type Received, type Receiver, startReceiver } from '../../support/webhook-receiver.ts';

/** A finding is sent at least once, whatever the receiver does, for as long as it is one. */

const NOW = new Date('2026-11-26T00:00:00Z');
const secret = new WebhookSecret(Buffer.alloc(32, 7));
let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const ok = (stream: string): StreamResult => ({
  ...emptyResult(stream, 1, undefined),
  result: 'unchanged',
  verdict: 'ok',
});
const vanished = (stream: string): StreamResult => ({ ...ok(stream), result: 'vanished', verdict: 'tampered' });
const stopped = (stream: string): StreamResult => ({ ...ok(stream), result: 'stopped', verdict: 'undecided' });
const unclaimed = (...files: string[]): StreamResult => ({
  ...emptyResult('', files.length, undefined),
  result: 'unclaimed',
  findings: files.map((file) => ({ code: 'NO_KEY', severity: 'undecided', message: 'of a stream', file })),
});
const damaged = (id: string): StreamResult =>
  emptyResult('', 0, new TamperError('FORMAT_INVALID', `memory: ${id} is damaged`, { hint: 'Remove it.' }));

/** A service that begins. */
const start = (): Notifier => new Notifier(new PatientWebhook());

/** Waits for an answer for long, so that none is missed on a slow machine; not for that of a message which never gets one. */
class PatientWebhook extends Webhook {
  readonly #impatient = new Webhook({ url: receiver.url, secret, timeoutMs: 50 });

  constructor() {
    super({ url: receiver.url, secret, timeoutMs: 50_000 });
  }

  override send(message: WebhookMessage, signal: AbortSignal): Promise<void> {
    return message.body.includes('a/mute') ? this.#impatient.send(message, signal) : super.send(message, signal);
  }
}

/** One round. @returns the failures that were reported */
async function round(notifier: Notifier, ...results: readonly StreamResult[]): Promise<TamperError[]> {
  notifier.beginRound();
  for (const result of results) notifier.take(result, NOW);
  notifier.endRound();
  return delivered(notifier);
}

async function delivered(notifier: Notifier, signal = new AbortController().signal): Promise<TamperError[]> {
  const troubles: TamperError[] = [];
  await notifier.deliver(signal, (error) => troubles.push(error));
  return troubles;
}

const dataOf = ({ body }: Received) => JSON.parse(body).data;
const idOf = ({ headers }: Received): unknown => headers['webhook-id'];
const sent = (): string[] =>
  receiver.received.map((one) => {
    const { stream, verdict, result } = dataOf(one);
    return `${stream}: ${verdict} ${result}`;
  });
/** The streams of messages since the last call, in the order in which they came. */
const streamsSent = (): string[] => receiver.received.splice(0).map((one) => dataOf(one).stream);

const accept: Receiver['answer'] = (response) => response.writeHead(204).end();
const answer = (status: number): Receiver['answer'] => {
  return (response) => response.writeHead(status).end();
};
/** Answers so of some streams, and accepts all others. */
const only = (stream: string, other: Receiver['answer']): Receiver['answer'] => {
  return (response, request) => (request.body.includes(stream) ? other : accept)(response, request);
};

describe('what is sent', () => {
  it('is a stream that becomes a finding, or another one, and each state once', async () => {
    const notifier = start();
    await round(notifier, ok('a/1'), vanished('a/2'));
    await round(notifier, stopped('a/1'), vanished('a/2'));
    await round(notifier, vanished('a/1'), vanished('a/2'));
    await round(notifier, ok('a/1'), vanished('a/2'));
    await round(notifier, vanished('a/1'), vanished('a/2'));
    expect(sent()).toEqual([
      'a/2: tampered vanished',
      'a/1: undecided stopped',
      'a/1: tampered vanished',
      'a/1: tampered vanished',
    ]);
    expect(new Set(receiver.received.map(idOf)).size).toBe(4);
    expect([notifier.counts, notifier.waiting, notifier.isFailing]).toEqual([{ delivered: 4, failed: 0 }, 0, false]);
  });

  it('is not that a tampered stream has grown; and it is sent again where it was gone and came back', async () => {
    const notifier = start();
    const grown: StreamResult = { ...vanished('a/1'), result: 'grown' };
    await round(notifier, { ...grown, result: 'new' });
    await round(notifier, grown);
    await round(notifier, { ...grown, result: 'unchanged' });
    await round(notifier);
    await round(notifier, grown);
    expect(sent()).toEqual(['a/1: tampered new', 'a/1: tampered grown']);
  });

  it('is every stream that changed in a round, once each', async () => {
    const notifier = start();
    const names = Array.from({ length: 50 }, (_, at) => `a/${at}`);
    await round(notifier, ...names.map(ok));
    await round(notifier, ...names.map(vanished));
    await round(notifier, ...names.map(vanished));
    expect(streamsSent()).toEqual(names);
  });

  it('is bounded: a message of a hostile stream is short, and what has no room is sent later', async () => {
    const finding = { code: 'FORK', severity: 'tampered', message: 'x'.repeat(100_000) } as const;
    const loud = (at: number): StreamResult => ({
      ...vanished(`a/${at}`),
      findings: Array.from({ length: 20 }, () => finding),
      more: 5,
    });
    const all = Array.from({ length: 1_500 }, (_, at) => loud(at));
    const notifier = start();
    await round(notifier, ...all);
    expect(receiver.received.length).toBeLessThanOrEqual(1_000);
    const [first = expect.fail('nothing came')] = receiver.received;
    expect(first.body.length).toBeLessThan(2_000);
    expect(dataOf(first)).toMatchObject({ more: 22, findings: [{ code: 'FORK' }, {}, {}] });
    while (receiver.received.length < 1_500) await round(notifier, ...all); // on a slow machine more than twice
    await round(notifier, ...all);
    expect(streamsSent().sort()).toEqual(all.map(({ stream }) => stream).sort());
  });

  it('is what a round has found that failed halfway; of a stream that it has not seen nothing is forgotten', async () => {
    const notifier = start();
    await round(notifier, vanished('a/1'), vanished('a/2'));
    notifier.beginRound();
    notifier.take(ok('a/1'), NOW);
    notifier.take(vanished('a/3'), NOW);
    await delivered(notifier);
    await round(notifier, vanished('a/1'), vanished('a/2'), vanished('a/3'));
    expect(streamsSent()).toEqual(['a/1', 'a/2', 'a/3', 'a/1']);
  });
});

describe('what is sent of files and texts of no stream', () => {
  it('is each file once, and a new one first, with its name', async () => {
    const notifier = start();
    await round(notifier, unclaimed('logs/a', 'logs/b', 'logs/c'));
    await round(notifier, unclaimed('logs/a', 'logs/b', 'logs/c'));
    await round(notifier, unclaimed('logs/a', 'logs/b', 'logs/c', 'logs/d'));
    await round(notifier, unclaimed('logs/d'));
    await round(notifier, unclaimed('logs/a', 'logs/d'));
    const files = receiver.received.map((one) => dataOf(one).findings.map(({ file }: { file: string }) => file));
    expect(files).toEqual([
      ['logs/a', 'logs/b', 'logs/c'],
      ['logs/d', 'logs/a', 'logs/b'],
      ['logs/a', 'logs/d'],
    ]);
  });

  it('is each damaged text once, several in one round, with why', async () => {
    const notifier = start();
    await round(notifier, damaged('one'), damaged('two'), unclaimed('logs/a'));
    await round(notifier, damaged('two'), unclaimed('logs/a'), damaged('one'));
    await round(notifier, damaged('two'), damaged('three'), unclaimed('logs/a'), damaged('one'));
    await round(notifier, damaged('three'), damaged('four'), damaged('two'));
    const error = (id: string) => ({ code: 'FORMAT_INVALID', message: `memory: ${id} is damaged`, hint: 'Remove it.' });
    expect(receiver.received.map(dataOf).map(({ result, error }) => [result, error])).toEqual([
      ['failed', error('one')],
      ['failed', error('two')],
      ['unclaimed', undefined],
      ['failed', error('three')],
      ['failed', error('four')],
    ]);
  });

  it('is cut: names, errors and what to do', async () => {
    const long = 'x'.repeat(10_000);
    const failed = emptyResult('', 0, new TamperError('FORMAT_INVALID', long, { hint: long }));
    await round(start(), failed, unclaimed(long));
    expect(receiver.received.map(dataOf)).toMatchObject([
      { error: { message: 'x'.repeat(300), hint: 'x'.repeat(300) } },
      { findings: [{ file: 'x'.repeat(300) }] },
    ]);
  });
});

describe('a receiver that does not take it', () => {
  it('is asked up to three times in a round, with the same id and the same body', async () => {
    let refusals = 2;
    receiver.answer = (response) => response.writeHead(refusals-- > 0 ? 503 : 200).end();
    const notifier = start();
    expect(await round(notifier, vanished('a/1'))).toEqual([]);
    expect(notifier.counts).toEqual({ delivered: 1, failed: 2 });
    expect(new Set(receiver.received.map((one) => `${idOf(one)} ${one.body}`)).size).toBe(1);
    expect([notifier.waiting, notifier.isFailing]).toEqual([0, false]);
    await round(notifier, vanished('a/1'));
    expect(receiver.received).toHaveLength(3);
  });

  it('is asked again after each round with the same message; the failure is reported once', async () => {
    receiver.answer = answer(500);
    const notifier = start();
    const troubles = await round(notifier, vanished('a/1'));
    expect(troubles).toMatchObject([{ code: 'UNAVAILABLE', message: expect.stringContaining('HTTP status 500') }]);
    expect([notifier.counts, notifier.waiting, notifier.isFailing]).toEqual([{ delivered: 0, failed: 3 }, 1, true]);
    expect(await round(notifier, vanished('a/1'))).toEqual([]);
    receiver.answer = accept;
    expect(await round(notifier, vanished('a/1'))).toEqual([]);
    expect([notifier.counts, notifier.waiting, notifier.isFailing]).toEqual([{ delivered: 1, failed: 6 }, 0, false]);
    expect(new Set(receiver.received.map((one) => `${idOf(one)} ${one.body}`)).size).toBe(1);
    await round(notifier, vanished('a/1'));
    expect(receiver.received).toHaveLength(7);
    receiver.answer = answer(500);
    expect(await round(notifier, stopped('a/1')), 'the same failure, after a success').toHaveLength(1);
  });

  it('gets the state of the next round, and nothing of a stream that is ok by then', async () => {
    receiver.answer = answer(400);
    const notifier = start();
    await round(notifier, vanished('a/1'), vanished('a/2'), vanished('a/3'));
    receiver.received.length = 0;
    receiver.answer = accept;
    await round(notifier, stopped('a/1'), ok('a/2'), vanished('a/3'));
    expect(sent()).toEqual(['a/1: undecided stopped', 'a/3: tampered vanished']);
    expect([notifier.waiting, notifier.isFailing]).toEqual([0, false]);
  });

  it('of one message is asked about it once in a round, if that is refused for good, and gets all others', async () => {
    receiver.answer = only('a/bad', answer(400));
    const notifier = start();
    const all = [vanished('a/bad'), vanished('a/1'), vanished('a/2')];
    await round(notifier, ...all);
    expect(streamsSent()).toEqual(['a/bad', 'a/1', 'a/2']);
    await round(notifier, ...all);
    expect(streamsSent()).toEqual(['a/bad']);
    expect([notifier.waiting, notifier.isFailing]).toEqual([1, true]);
  });

  it.each<[string, string, Receiver['answer']]>([
    ['an error', 'a/bad', answer(500)],
    ['a connection that breaks off', 'a/bad', (response) => response.destroy()],
    ['no answer', 'a/mute', () => undefined],
  ])('of one message, with %s, gets the others first from the next round on', async (_what, bad, other) => {
    receiver.answer = only(bad, other);
    const notifier = start();
    const all = [vanished(bad), vanished('a/1'), vanished('a/2')];
    await round(notifier, ...all);
    expect(notifier.counts, 'it may be away: the rest waits').toEqual({ delivered: 0, failed: 3 });
    expect(notifier.waiting).toBe(3);
    receiver.received.length = 0;
    await round(notifier, vanished('a/new'), ...all);
    const others = streamsSent().filter((stream) => stream !== bad);
    expect(others, 'older ones before newer ones').toEqual(['a/1', 'a/2', 'a/new']);
    expect([notifier.counts, notifier.waiting]).toEqual([{ delivered: 3, failed: 6 }, 1]);
    await round(notifier, vanished('a/new'), ...all);
    expect(new Set(streamsSent()), 'the others were accepted').toEqual(new Set([bad]));
  });

  it('is not there: it gets everything when it is', async () => {
    const { url } = receiver;
    await receiver.close();
    const notifier = start();
    expect(await round(notifier, vanished('a/1'), vanished('a/2'))).toMatchObject([{ code: 'UNAVAILABLE' }]);
    expect([notifier.waiting, notifier.isFailing]).toEqual([2, true]);
    receiver = await startReceiver(Number(new URL(url).port));
    await round(notifier, vanished('a/1'), vanished('a/2'));
    expect(streamsSent().sort()).toEqual(['a/1', 'a/2']);
  });

  it('loses its answer: the message comes again, and its id tells that it is the same', async () => {
    let isLost = true;
    receiver.answer = (response) => {
      if (isLost) response.destroy();
      else response.writeHead(204).end();
      isLost = false;
    };
    await round(start(), vanished('a/1'));
    expect(new Set(receiver.received.map(idOf)).size).toBe(1);
    expect(sent()).toEqual(['a/1: tampered vanished', 'a/1: tampered vanished']);
  });
});

describe('the end', () => {
  it('does not wait for a receiver that hangs, and is no failure of it', async () => {
    receiver.answer = only('a/2', () => undefined);
    const notifier = start();
    const stop = new AbortController();
    notifier.beginRound();
    for (const name of ['a/1', 'a/2', 'a/3']) notifier.take(vanished(name), NOW);
    const delivering = delivered(notifier, stop.signal);
    await receiver.got(2);
    stop.abort();
    expect(await delivering).toEqual([]);
    expect([notifier.isFailing, notifier.waiting]).toEqual([false, 2]);
    expect(streamsSent(), 'nothing is begun any more').toEqual(['a/1', 'a/2']);
  });
});

describe('a restart', () => {
  it('sends every finding that is open, taken or not, and nothing of what is ok', async () => {
    receiver.answer = only('a/bad', answer(400));
    const before = start();
    await round(before, vanished('a/bad'), vanished('a/1'), vanished('a/2'));
    await round(before, vanished('a/bad'), vanished('a/1'), ok('a/2'));
    receiver.answer = accept;
    const first = receiver.received.splice(0).map(idOf);
    await round(start(), vanished('a/bad'), vanished('a/1'), ok('a/2'), unclaimed('logs/a'));
    expect(sent()).toEqual(['a/bad: tampered vanished', 'a/1: tampered vanished', ': undecided unclaimed']);
    expect(first, 'with other ids').not.toEqual(expect.arrayContaining([idOf(receiver.received[1] as Received)]));
  });

  it('after any request of the one before loses no finding, in whatever round it was found', async () => {
    for (let kill = 1; kill <= 4; kill++) {
      receiver.received.length = 0;
      const died = new AbortController();
      let requests = 0;
      receiver.answer = (response) => {
        if (++requests < kill) return response.writeHead(204).end();
        died.abort();
        return response.destroy();
      };
      const before = start();
      for (const all of [
        ['a/1', 'a/2'],
        ['a/1', 'a/2', 'a/3', 'a/4'],
      ]) {
        before.beginRound();
        for (const name of all) before.take(vanished(name), NOW);
        before.endRound();
        await delivered(before, died.signal);
      }
      receiver.answer = accept;
      await round(start(), ...['a/1', 'a/2', 'a/3', 'a/4'].map(vanished));
      expect([...new Set(streamsSent())].sort(), `killed at ${kill}`).toEqual(['a/1', 'a/2', 'a/3', 'a/4']);
    }
  });
});
