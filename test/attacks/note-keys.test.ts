import { describe, expect, it } from 'vitest';
import { Random } from '../interop/differential/random.ts';
import type { Brings, Judgement } from '../support/judge.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, fixedBytes, type SigningKey } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { dataKey, edKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { brings, type Further } from '../vectors/vector-case.ts';
import { judgeLog } from './auditors.ts';

/** A note key signs what a key service's key has signed, and counts for nothing (M4.11). */

const { NOTE_KEYS_SEED: seed = 20261201, NOTE_KEYS_ROUNDS: rounds = times(10, 150) } = process.env;
const [SEED, ROUNDS] = [Number(seed), Number(rounds)];

// of an algorithm that is checked fast; the vectors have one of P-256
const service = ed25519Key('key of a service');
const nextService = ed25519Key('next key of a service');
const thirdService = ed25519Key('third key of a service');
const stolen = edKey;
const nextNote = nextEdKey;
const his = thirdEdKey;
/** A signer of a key service that a reader does not know yet. */
const later: SigningKey = {
  signer: { source: 'aws-kms', identity: 'later', algorithm: 'later-kms' as never, spki: fixedBytes('later') },
  noteKey: { algorithm: 'later-kms' as never, bytes: fixedBytes('later') },
  sign: () => Buffer.alloc(64, 7),
};

const count = { data: Array<Buffer>(40).fill(dataKey) };

/** An honest writer: the note key signs after the service's key, never alone. */
class Writer {
  readonly log: SealedLog;
  adopted = false;
  service = service;
  notes: readonly SigningKey[] = [stolen];
  readonly #data: EpochKeys;

  constructor(data: boolean, salted: boolean) {
    this.#data = { ...(data && { dataKey }), ...(salted && { salted }) };
    this.log = new SealedLog().open(this.keys()).seal().checkpoint();
  }

  keys(): EpochKeys {
    return { ...this.#data, signers: [this.service], notes: this.notes };
  }

  step(random: Random): void {
    const { log } = this;
    const does = random.int(9);
    if (does < 3) log.record(`{"n":${random.int(1000)}}`, 'text');
    else if (does === 3) log.seal().checkpoint();
    else if (does === 4)
      log.seal(); // the service is away: nobody signs
    else if (does === 5) {
      this.service = random.pick([service, nextService, thirdService]);
      this.notes = random.pick([[stolen], [nextNote], []]);
      log.handOver(this.keys());
      log.seal().checkpoint();
    } else if (does === 6) {
      log.close('rotated').checkpoint();
      log.rotate(`log.${log.size}.jsonl`);
    } else {
      const closed = does === 7;
      if (closed) log.close().checkpoint();
      else if (log.lines.at(-1)?.kind !== 'checkpoint') this.adopted = true; // nobody signed all of it
      this.service = random.pick([service, nextService]);
      this.notes = random.pick([[stolen], [stolen], [nextNote], []]);
      log
        .open(this.keys(), { why: closed ? 'resumed' : 'recovered' })
        .seal()
        .checkpoint();
    }
  }

  end(): SealedLog {
    return this.log.close().checkpoint();
  }
}

function honest(at: number): { readonly log: SealedLog; readonly adopted: boolean } {
  const random = new Random(SEED + at);
  const writer = new Writer(random.int(2) === 0, random.int(2) === 0);
  for (let steps = 2 + random.int(14); steps > 0; steps--) writer.step(random);
  return { log: writer.end(), adopted: writer.adopted };
}

const services = [service, nextService, thirdService];

describe('an honest log with note keys', () => {
  it(`is ok, whatever the auditor says of them (seed ${SEED}, ${ROUNDS} logs)`, { timeout: 300_000 }, async () => {
    for (let at = 0; at < ROUNDS; at++) {
      const { log, adopted } = honest(at);
      const auditors: Record<string, Brings> = {
        'the service alone': brings(log, { named: services }),
        'note keys as signers': brings(log, { named: [...services, stolen, nextNote] }),
        'and the data key': brings(log, { ...count, named: services }),
        'and a demand': brings(log, { named: services }, { policy: { require: ['signature'] } }),
      };
      for (const [who, auditor] of Object.entries(auditors)) {
        const found = await judgeLog(log, auditor);
        const place = `log ${at}, ${who}: ${found.codes.join()}`;
        expect(found.verdict, place).not.toBe(1);
        if (!adopted) expect(found.verdict, place).toBe(0);
      }
    }
  });

  it('is not ok for an auditor who names nothing but the note key', async () => {
    for (const data of [{}, { dataKey }]) {
      const log = new SealedLog()
        .open({ ...data, signers: [service], notes: [stolen] })
        .seal()
        .checkpoint()
        .record('1', '2')
        .close()
        .checkpoint();
      for (const further of [{}, { policy: { require: ['signature'] } }] as Further[]) {
        const found = await judgeLog(log, brings(log, { named: [stolen] }, further));
        expect(found.verdict, found.codes.join()).toBe(2);
      }
    }
  });

  it('may have begun with that key as its only signer, before a key service came', async () => {
    const log = new SealedLog()
      .open({ signers: [stolen] })
      .seal()
      .checkpoint()
      .record('1');
    log
      .handOver({ signers: [service], notes: [stolen] })
      .seal()
      .checkpoint()
      .record('2')
      .close()
      .checkpoint();
    for (const further of [{}, { accept: { successors: true } }] as Further[]) {
      const named = further.accept === undefined ? [stolen, service] : [stolen];
      const found = await judgeLog(log, brings(log, { named }, further));
      expect(found.verdict, found.codes.join()).toBe(0);
    }
  });
});

/** Who the thief lists as signers. */
const lists: readonly { readonly of: string; readonly signers: readonly SigningKey[] }[] = [
  { of: 'the note key', signers: [stolen] },
  { of: 'his key and the note key', signers: [his, stolen] },
  { of: 'his key', signers: [his] },
  { of: 'an unknown algorithm and the note key', signers: [later, stolen] },
  { of: 'the service and the note key', signers: [service, stolen] },
  { of: 'the service', signers: [service] },
  { of: 'the stolen key twice', signers: [stolen, stolen] },
];

interface Forged {
  readonly log: SealedLog;
  readonly prefix: SealedLog;
  readonly how: string;
}

/** A thief of the note key, and maybe of the data key: he cuts, goes on, hands over, restarts, or writes all anew. */
function forged(at: number): Forged {
  const random = new Random(SEED + 100_000 + at);
  const data = random.int(2) === 0;
  const prefix = new Writer(data, false);
  for (let steps = random.int(6); steps > 0; steps--) {
    const { log } = prefix;
    if (random.int(2) === 0) log.record('{"honest":true}');
    else log.seal().checkpoint();
  }
  const before = prefix.log;
  const list = random.pick(lists);
  const keeps = data && random.int(3) > 0;
  const keys: EpochKeys = { ...(keeps && { dataKey }), signers: list.signers };
  const his_ = list.signers.filter((key) => key.signer.spki !== service.signer.spki);
  const sign = { signers: random.pick([[stolen], his_, [stolen, his], [...his_, later]]) };
  const anew = random.int(5) === 0;
  const log = anew ? new SealedLog() : before.fork();
  let how = anew ? 'all anew' : '';
  if (anew) log.open(keys).seal().checkpoint(sign);
  for (let steps = 1 + random.int(4); steps > 0; steps--) {
    const does = random.int(5);
    if (does === 0) {
      how += ', goes on';
      log.record('{"forged":true}').seal().checkpoint(sign);
    } else if (does === 1) {
      how += `, hands over to ${list.of}`;
      log.key(keys).seal().checkpoint(sign).seal().checkpoint(sign);
    } else if (does === 2) {
      how += `, restarts under ${list.of}`;
      log.open(keys, { why: 'recovered' }).seal().checkpoint(sign);
    } else if (does === 3) {
      how += `, closes and restarts under ${list.of}`;
      log.close().checkpoint(sign).open(keys, { why: 'resumed' }).seal().checkpoint(sign);
    } else {
      how += ', rotates';
      log.close('rotated').checkpoint(sign).rotate(`log.${log.size}.jsonl`);
    }
  }
  log.record('{"forged":true}').close().checkpoint(sign);
  return { log, prefix: before, how: `${how} (data key: ${data}, kept: ${keeps}, lists ${list.of})` };
}

describe('a thief of the note key', () => {
  it(`forges nothing that is ok (seed ${SEED}, ${ROUNDS} logs)`, { timeout: 300_000 }, async () => {
    for (let at = 0; at < ROUNDS; at++) {
      const { log, prefix, how } = forged(at);
      const end = { live: true, now: new Date(log.clock + 1000).toISOString() };
      const auditors: Record<string, Brings> = {
        'the service': brings(log, { named: [service] }),
        'the service, live': brings(log, { named: [service] }, end),
        'the service, successors': brings(log, { named: [service] }, { accept: { successors: true } }),
        'the service and the data key': brings(log, { ...count, named: [service] }),
        'the data key, a demand': brings(log, { ...count, named: [service] }, { policy: { require: ['signature'] } }),
        'all keys, successors': brings(log, { ...count, named: [service] }, { ...end, accept: { successors: true } }),
        'a held checkpoint': brings(log, { named: [service] }, { held: [prefix.note({ size: 2 })] }),
      };
      for (const [who, auditor] of Object.entries(auditors)) {
        const found = await judgeLog(log, auditor);
        if (isHarmless(found, auditor)) continue;
        expect(found.verdict, `log ${at}, ${who}: ${how}: ${found.codes.join()}`).not.toBe(0);
      }
    }
  });
});

/** Live, what is behind the proven end is not said to be the log: the service's key has signed up to there. */
function isHarmless({ codes, verdict }: Judgement, { live }: Brings): boolean {
  return verdict === 0 && live === true && codes.some((code) => code.startsWith('UNSEALED_TAIL'));
}
