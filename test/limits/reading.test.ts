import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { Allowance, LIMITS } from '../../src/verify/model/allowance.ts';
import { FindingRoom, Findings } from '../../src/verify/model/findings.ts';
import { LeafWindow } from '../../src/verify/model/leaf-window.ts';
import { SegmentCheck } from '../../src/verify/parallel/segment.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, fixedBytes, type SigningKey, serviceMacKey, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';
import { bytesOf, read } from './reader.ts';

/** What a log can make a reader keep and do has an end (M8.25). Each test counts work: hashes, checks, calls, what is kept. */

const signed = { signers: [edKey] };

/** A run of `records` that nothing seals, and then `opens` that go back below it, one entry further each. */
function goingBack(records: number, opens: number): SealedLog {
  const log = new SealedLog().open(signed).seal();
  for (let at = 0; at < records; at++) log.record(`{"record":${at}}`);
  const before = log.fork();
  for (let back = 1; back <= opens; back++) {
    const copy = new SealedLog();
    for (const leaf of before.leaves.slice(0, before.size - back)) copy.tree.append(leaf);
    copy.highestEpoch = 1 + back;
    copy.open(signed, { why: 'recovered' });
    log.lines.push(...copy.lines);
  }
  return log;
}

describe('opens that go back below what was read', () => {
  const auditor = brings(new SealedLog(), { named: [edKey] });

  it('hash each leaf again only as often as there is room for, then it is undecided', async () => {
    const log = goingBack(200, 100);
    const { codes, verdict, allowance, state } = await read(log, auditor, { limits: { rewoundLeaves: 2_000 } });
    expect(verdict).toBe(2);
    expect(codes).toContain('LIMIT');
    expect(codes).not.toContain('OUT_OF_ORDER');
    expect(allowance.left('rewoundLeaves')).toBeLessThan(200);
    expect(state.coverage.stopped).toBe(true);
  });

  it('are followed so often and no more', async () => {
    const { codes, verdict } = await read(goingBack(60, 30), auditor, { limits: { abandonments: 10 } });
    expect(verdict).toBe(2);
    expect(codes.filter((code) => code === 'LIMIT')).toHaveLength(1);
  });

  it('further than leaves are kept, in an honest copy too: undecided, never out of order', async () => {
    const { codes, verdict } = await read(goingBack(200, 190).fork(), auditor, { limits: { leaves: 32 } });
    expect(verdict).toBe(2);
    expect(codes).toContain('LIMIT');
    expect(codes).not.toContain('OUT_OF_ORDER');
  });

  it('one of them is what it was: abandoned', async () => {
    const { codes } = await read(goingBack(200, 1), auditor);
    expect(codes).toContain('ABANDONED_UNPROVEN');
    expect(codes).not.toContain('LIMIT');
  });
});

describe('leaf hashes', () => {
  const leaf = (seq: number): string => fixedBytes(`leaf ${seq}`).toString('latin1');

  it('of thousands of short streams take no room beforehand', () => {
    const allowance = new Allowance();
    const windows = Array.from({ length: 4_000 }, () => new LeafWindow(allowance));
    for (const window of windows) for (let seq = 1; seq <= 20; seq++) window.append(seq, leaf(seq));
    expect(allowance.left('leaves')).toBe(LIMITS.leaves);
  });

  it('of one stream are kept up to 131,072, of all streams up to the room there is', () => {
    const allowance = new Allowance({ leaves: 1_000 });
    const one = new LeafWindow(allowance);
    for (let seq = 1; seq <= 5_000; seq++) one.append(seq, leaf(seq));
    const kept = Array.from({ length: 5_000 }, (_, at) => at + 1).filter((seq) => one.keeps(seq));
    expect(kept).toEqual(Array.from({ length: 1_024 }, (_, at) => 3_977 + at));
    expect(allowance.left('leaves')).toBe(1_000 - (1_024 - 32));
    const run = new LeafWindow(new Allowance());
    run.appendRun(1, new Uint8Array(200_000 * 32));
    expect([run.keeps(200_000 - 131_072), run.keeps(200_001 - 131_072)]).toEqual([false, true]);
  });

  it('are those that were seen, whatever was appended, jumped over and cut off', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('append'), n: fc.integer({ min: 1, max: 90 }) }),
      fc.record({ what: fc.constant('run'), n: fc.integer({ min: 1, max: 200 }) }),
      fc.record({ what: fc.constant('cut'), n: fc.integer({ min: 0, max: 150 }) }),
      fc.record({ what: fc.constant('jump'), n: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 0, max: 600 }), (steps, leaves) => {
        const window = new LeafWindow(new Allowance({ leaves }));
        const seen = new Map<number, string>();
        let next = 1;
        let version = 0;
        let last = 0;
        const made = (seq: number): string => fixedBytes(`leaf ${seq} of ${version}`).toString('latin1');
        for (const { what, n } of steps) {
          version++;
          if (what === 'jump') {
            next += n;
            continue;
          }
          if (what === 'cut') {
            if (next > last + 1) continue; // a stream with a hole in it never goes back
            next = Math.max(1, next - n);
            for (const seq of [...seen.keys()]) if (seq >= next) seen.delete(seq);
            last = next - 1;
            window.cutTo(last);
            continue;
          }
          if (next > last + 1) seen.clear();
          last = next + n - 1;
          const seqs = Array.from({ length: n }, (_, at) => next + at);
          for (const seq of seqs) seen.set(seq, made(seq));
          if (what === 'append') for (const seq of seqs) window.append(seq, made(seq));
          else window.appendRun(next, Buffer.concat(seqs.map((seq) => Buffer.from(made(seq), 'latin1'))));
          next += n;
          expect(window.holds(next - 1, made(next - 1))).toBe(true);
        }
        for (let seq = 1; seq <= last + 3; seq++) {
          if (window.keeps(seq)) expect(window.leaf(seq)).toBe(seen.get(seq));
        }
      }),
    );
  });
});

describe('a part of a file, checked by another process', () => {
  it('is searched for the next seal once, however many key entries stand before it', () => {
    const log = new SealedLog().open(signed).seal();
    const key = ed25519Key('next');
    for (let at = 0; at < 2_000; at++) log.key({ signers: [key] });
    const bytes = Buffer.concat([Buffer.from('\n'), bytesOf(log)]);
    let searched = 0;
    const indexOf = bytes.indexOf.bind(bytes) as (value: Buffer | number, from: number) => number;
    vi.spyOn(bytes, 'indexOf').mockImplementation(((value: Buffer | number, from: number): number => {
      const at = indexOf(value, from);
      if (typeof value !== 'number') searched += (at < 0 ? bytes.length : at) - from;
      return at;
    }) as typeof bytes.indexOf);
    new SegmentCheck(bytes, bytes.length, 1, []).runs(1);
    expect(searched).toBeLessThan(3 * bytes.length);
  });

  it('tells of no run that is shorter than the telling', () => {
    const log = new SealedLog().open(signed).seal();
    for (let at = 0; at < 300; at++) log.recordAs('{"a":1,', undefined, undefined, false, { seq: 10 * at + 7 });
    const bytes = Buffer.concat([Buffer.from('\n'), bytesOf(log)]);
    expect(new SegmentCheck(bytes, bytes.length, 1, []).runs(1)).toEqual([]);
  });
});

describe('entries that are missing', () => {
  it('are each found where they are, a hole in every line', async () => {
    const log = new SealedLog().open(signed).seal();
    for (let seq = 4; seq < 6_004; seq += 2) log.recordAs('{"a":1,', undefined, undefined, false, { seq });
    log.recordAs('{"late":1,', undefined, undefined, false, { seq: 5_901 });
    const { state } = await read(log, brings(log, { named: [edKey] }));
    expect(state.findings.count('OUT_OF_ORDER')).toBe(1);
    expect(state.findings.count('ENTRIES_MISSING')).toBe(2_999);
  });
});

describe('successors', () => {
  const keys = Array.from({ length: 120 }, (_, at) => ed25519Key(`successor ${at}`));
  const [first] = keys as [SigningKey];

  function handedOver(checkpoint: 'at once' | 'at the end'): SealedLog {
    const log = new SealedLog()
      .open({ signers: [first] })
      .seal()
      .checkpoint();
    for (const key of keys.slice(1)) {
      log.key({ signers: [key] }).seal();
      if (checkpoint === 'at once') log.checkpoint();
    }
    if (checkpoint === 'at the end') for (const { size } of log.seals.slice(1)) log.checkpoint({ size });
    return log.close().checkpoint();
  }

  it('are settled once each in an honest log', async () => {
    const log = handedOver('at once');
    const auditor = brings(log, { named: [first] }, { accept: { successors: true } });
    const { verdict, allowance } = await read(log, auditor);
    expect(verdict).toBe(0);
    expect(LIMITS.settling - allowance.left('settling')).toBeLessThan(4 * keys.length);
  });

  it('are looked at again as often as there is room for, then it is undecided', async () => {
    const log = handedOver('at the end');
    const auditor = brings(log, { named: [first] }, { accept: { successors: true } });
    const { verdict, codes, allowance } = await read(log, auditor, { limits: { settling: 500 } });
    expect(verdict).toBe(2);
    expect(codes.filter((code) => code === 'LIMIT')).toHaveLength(1);
    expect(allowance.left('settling')).toBeGreaterThanOrEqual(0);
  });

  it('are not looked at again for signatures that change nothing', async () => {
    const log = new SealedLog()
      .open({ signers: [first] })
      .seal()
      .checkpoint();
    for (const key of keys.slice(1, 20)) log.open({ signers: [key] }).seal();
    for (let at = 0; at < 200; at++) log.seal().checkpoint();
    const auditor = brings(log, { named: [edKey] }, { accept: { successors: true } });
    const { allowance } = await read(log, auditor);
    expect(LIMITS.settling - allowance.left('settling')).toBeLessThan(100);
  });
});

describe('signatures', () => {
  const wrongly = (key: SigningKey): SigningKey => ({ ...key, sign: (text) => key.sign(Buffer.concat([text, text])) });

  function withCheckpoints(key: SigningKey, seals: number, by: readonly SigningKey[] = [key]): SealedLog {
    const log = new SealedLog()
      .open({ signers: [key] })
      .seal()
      .checkpoint();
    for (let at = 0; at < seals; at++) log.seal().checkpoint({ signers: by });
    return log.close().checkpoint();
  }

  it('of keys that nobody named are checked as often as there is room for, then it is undecided', async () => {
    const log = withCheckpoints(nextEdKey, 50);
    const { verdict, codes, allowance } = await read(log, brings(log, { named: [edKey] }), {
      limits: { strangersSignatures: 20 },
    });
    expect(verdict).toBe(2);
    expect(codes.filter((code) => code === 'LIMIT')).toHaveLength(1);
    expect(allowance.left('strangersSignatures')).toBe(0);
  });

  it('of a named key take none of that room', async () => {
    const log = withCheckpoints(edKey, 50);
    const { verdict, allowance } = await read(log, brings(log, { named: [edKey] }), {
      limits: { strangersSignatures: 0 },
    });
    expect(verdict).toBe(0);
    expect(allowance.left('strangersSignatures')).toBe(0);
  });

  it('of a signer that the checked MACs vouch for take none of it either', async () => {
    const log = new SealedLog()
      .open({ dataKey, signers: [nextEdKey] })
      .seal()
      .checkpoint();
    for (let at = 0; at < 20; at++) log.seal().checkpoint();
    log.close().checkpoint();
    const { verdict } = await read(log, brings(log, { data: [dataKey] }), { limits: { strangersSignatures: 0 } });
    expect(verdict).toBe(0);
  });

  it('that are wrong end the checking: tampered, whatever comes after', async () => {
    const log = withCheckpoints(edKey, 300, [wrongly(edKey)]);
    const { verdict, state } = await read(log, brings(log, { named: [edKey] }));
    expect(verdict).toBe(1);
    expect(state.findings.count('SIGNATURE_WRONG')).toBe(LIMITS.wrongSignatures);
  });

  describe('that only a key service can check', () => {
    const service = serviceMacKey('audit');
    const log = new SealedLog()
      .open({ signers: [service] })
      .seal()
      .checkpoint();
    const line = log.lines.at(-1)?.bytes ?? Buffer.alloc(0);
    const repeated = log.fork();
    for (let at = 0; at < 500; at++) repeated.raw(line, 'checkpoint');
    repeated.close().checkpoint();
    const auditor = { origin: log.origin, vkeys: [vkeyOf(log.origin, service)] };

    it('are asked about once, however often their line stands there', async () => {
      const verifyOnline = vi.fn(async (_signer: unknown, text: Uint8Array, signature: Uint8Array) =>
        service.sign(text).equals(signature),
      );
      const { verdict } = await read(repeated, auditor, { auditor: { verifyOnline } });
      expect(verdict).toBe(0);
      expect(verifyOnline).toHaveBeenCalledTimes(2);
    });

    it('are not asked about for ever where the service says no', async () => {
      const verifyOnline = vi.fn(async () => false);
      const { verdict } = await read(repeated, auditor, { auditor: { verifyOnline } });
      expect(verdict).toBe(1);
      expect(verifyOnline).toHaveBeenCalledTimes(LIMITS.wrongSignatures);
    });

    it('are not asked about for ever where the service is away', async () => {
      const verifyOnline = vi.fn(async () => {
        throw new TamperError('UNAVAILABLE', 'it does not answer');
      });
      const { verdict } = await read(repeated, auditor, { auditor: { verifyOnline } });
      expect(verdict).toBe(2);
      expect(verifyOnline).toHaveBeenCalledTimes(LIMITS.serviceFailures);
    });
  });
});

describe('key periods', () => {
  function opens(count: number): SealedLog {
    const log = new SealedLog().open(signed).seal().checkpoint();
    for (let at = 1; at < count; at++) log.open(signed).seal().checkpoint();
    return log.close().checkpoint();
  }

  it('are kept up to a number: undecided beyond, and what was found before stays', async () => {
    const log = opens(12);
    const auditor = brings(log, { named: [edKey] });
    expect((await read(log, auditor, { limits: { epochs: 12 } })).verdict).toBe(0);
    const { verdict, codes, state } = await read(log, auditor, { limits: { epochs: 11 } });
    expect(verdict).toBe(2);
    expect(codes).toContain('LIMIT');
    expect(state.epochs.all).toHaveLength(12);
  });

  it('are kept up to a number of bytes and of signers', async () => {
    const log = opens(12);
    for (const limits of [{ keyBytes: 1_000 }, { signers: 5 }]) {
      const { verdict, codes } = await read(log, brings(log, { named: [edKey] }), { limits });
      expect(verdict).toBe(2);
      expect(codes).toContain('LIMIT');
    }
  });

  it('that key entries announce and no seal brings into force are counted as well', async () => {
    const log = new SealedLog().open(signed).seal().checkpoint();
    for (let at = 0; at < 50; at++) log.key({ signers: [nextEdKey] });
    const { codes, state } = await read(log, brings(log, { named: [edKey] }), { limits: { epochs: 20 } });
    expect(codes).toContain('LIMIT');
    expect(state.order.next).toBeLessThan(30);
  });

  it('share what there is with the other streams of a mixed file', async () => {
    const allowance = new Allowance({ epochs: 20 });
    const log = opens(12);
    const auditor = brings(log, { named: [edKey] });
    expect((await read(log, auditor, { allowance })).verdict).toBe(0);
    expect((await read(log, auditor, { allowance })).codes).toContain('LIMIT');
  });

  it('of a number that was named before ask a key service for no more than a hundred keys', async () => {
    const log = new SealedLog().open({ dataKey }).seal().checkpoint();
    for (let at = 0; at < 300; at++) log.open({ dataKey }, { epoch: 1 });
    const dataKeyOf = vi.fn(async () => undefined);
    const { codes, verdict } = await read(log, { origin: log.origin }, { auditor: { dataKey: dataKeyOf } });
    expect(verdict).toBe(1);
    expect(codes).toContain('LIMIT');
    expect(dataKeyOf.mock.calls.length).toBeLessThan(110);
  });

  it.each([
    ['will not open their keys', 'WRONG_KEY_OR_CONTEXT', LIMITS.refusedKeys],
    ['is away', 'UNAVAILABLE', LIMITS.serviceFailures],
  ] as const)('ask a service that %s so often and no more', async (_what, code, times) => {
    const log = new SealedLog().open({ dataKey }).seal().checkpoint();
    for (let at = 0; at < 300; at++) log.open({ dataKey }).seal();
    const dataKeyOf = vi.fn(async () => {
      throw new TamperError(code, 'no');
    });
    const { codes, verdict } = await read(log, { origin: log.origin }, { auditor: { dataKey: dataKeyOf } });
    expect(verdict).not.toBe(0);
    expect(codes).toContain('LIMIT');
    expect(dataKeyOf).toHaveBeenCalledTimes(times);
  });

  it('ask once whether the service knows a signer', async () => {
    const log = opens(40);
    const confirmSigner = vi.fn(async () => false);
    await read(log, { origin: log.origin }, { auditor: { confirmSigner } });
    expect(confirmSigner).toHaveBeenCalledTimes(1);
  });

  it('in the middle of a stream claim as many steps as are walked, and no more', async () => {
    const log = new SealedLog().open({ dataKey }).seal().checkpoint();
    const size = 2 ** 24 + 5;
    const frontier = log.leaves.slice(0, 1);
    const rotated = new SealedLog().open({ dataKey });
    rotated.lines = [];
    rotated.rotate('log.jsonl', { size, frontier: [...frontier, ...frontier, ...frontier], step: 2 ** 20 + 1 });
    const line = rotated.lines[0]?.bytes.toString('latin1') ?? '';
    rotated.lines = [];
    rotated.raw(line.replace(/"seq":\d+/, `"seq":${size + 1}`));
    const { codes, state } = await read(rotated, brings(rotated, { data: [dataKey] }));
    expect(codes).toContain('LIMIT');
    expect(state.epoch?.schedule).toBeUndefined();
  });
});

describe('control entries that are malformed', () => {
  it('end the reading after a thousand: the keys in each are checked one by one', async () => {
    const log = new SealedLog().open(signed).seal().checkpoint();
    const members = '"next":"x","key":{"records":"hash","signers":[]},';
    for (let at = 0; at < 1_500; at++) log.controlText('key', members);
    const { verdict, codes, state } = await read(log, brings(log, { named: [edKey] }));
    expect(verdict).toBe(1);
    expect(codes).toContain('LIMIT');
    expect(state.findings.count('CONTROL_MALFORMED')).toBe(1_001);
  });
});

describe('findings', () => {
  it('are kept up to a hundred of a code in a stream, and up to the room there is in all of them', async () => {
    const log = new SealedLog().open(signed).seal().checkpoint();
    for (let at = 0; at < 300; at++) log.gap(1);
    const auditor = brings(log, { named: [edKey] });
    const alone = await read(log, auditor);
    expect(alone.codes.filter((code) => code === 'DROPPED')).toHaveLength(100);
    expect(alone.state.findings.more).toEqual({ DROPPED: 200 });
    const findings = new FindingRoom(30);
    const first = await read(log, auditor, { findings });
    const second = await read(log, auditor, { findings });
    expect(first.codes.filter((code) => code === 'DROPPED')).toHaveLength(31);
    expect(second.codes.filter((code) => code === 'DROPPED')).toHaveLength(1);
    expect(second.state.findings.more).toEqual({ DROPPED: 299 });
    expect(second.verdict).toBe(2);
  });

  it('say no more than 4,096 characters of what a log says', async () => {
    const log = new SealedLog().open(signed).seal().checkpoint();
    log.controlText('gap', `"dropped":0,"since":"2026-11-24T23:00:00.000Z","why":"${'w'.repeat(60_000)}",`);
    const { state } = await read(log, brings(log, { named: [edKey] }));
    const lengths = state.findings.list().map(({ message }) => message.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(4_097);
    const findings = new Findings();
    findings.add('KEY_SERVICE', {}, 'w'.repeat(60_000));
    expect(findings.list()[0]?.message).toHaveLength(4_097);
  });
});

describe('lines that are not sealed', () => {
  it('are parsed up to a mebibyte each', async () => {
    const parse = vi.spyOn(JSON, 'parse');
    const log = new SealedLog().raw(`{"integrity":${'['.repeat(1 << 20)}`);
    const { verdict } = await read(log, { origin: log.origin });
    expect(verdict).toBe(2);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });
});
