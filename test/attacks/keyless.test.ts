import { describe, expect, it } from 'vitest';
import { SealedLog } from '../support/sealed-log.ts';
import { fixedBytes } from '../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey } from '../vectors/keys.ts';
import { cutAfter, drop, dropCheckpoints, edit, entry, insertAfter, swap } from '../vectors/spoil.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeFiles, judgeLog, kinds, settings } from './auditors.ts';

/** Attacks of somebody who can write to the storage and has no key (spec 9). None may come out as ok. */

/** Entries: 1 open, 2 seal, 3-22 records, 23 seal, 24-43 records, 44 close. */
function log(keys: (typeof settings)[number]['keys'], origin?: string): SealedLog {
  const lines = (from: number): string[] =>
    Array.from({ length: 20 }, (_, at) => `{"n":${from + at},"amount":${from * 10 + at}}`);
  const made = new SealedLog(origin)
    .open(keys)
    .seal()
    .checkpoint()
    .record(...lines(1))
    .seal()
    .checkpoint();
  return made
    .record(...lines(21))
    .close()
    .checkpoint();
}

/** Makes the checksum of a changed entry right again: no key is needed for that. */
function rehash(spoiled: SealedLog, ...seqs: number[]): SealedLog {
  for (const seq of seqs) {
    const line = entry(spoiled, seq);
    const leaf = line.bytes.subarray(0, -46);
    const member = leaf.toString('latin1').slice(-8);
    if (member.includes('"hash"')) line.bytes = Buffer.concat([leaf, Buffer.from(`${spoiled.authOf(leaf)}"}}`)]);
  }
  return spoiled;
}

describe.each(settings)('without a key, against a log with $name', ({ keys, auditor }) => {
  const untouched = log(keys);

  it('leaves an untouched log ok', async () => {
    expect((await judgeLog(untouched, auditor(untouched))).verdict).toBe(0);
  });

  it('reorder two records: tampered', async () => {
    const found = await judgeLog(swap(untouched.fork(), 5, 9), auditor(untouched));
    expect(found).toMatchObject({ verdict: 1 });
    expect(found.codes).toContain('OUT_OF_ORDER 5-9');
  });

  it('replace a record by a copy of another (replay): tampered', async () => {
    const spoiled = untouched.fork();
    entry(spoiled, 9).bytes = entry(spoiled, 5).bytes;
    const found = await judgeLog(spoiled, auditor(untouched));
    expect(found.verdict).toBe(1);
    expect(found.codes).toContain('ENTRIES_MISSING 9');
  });

  it('replace a record by a renumbered copy of another: tampered', async () => {
    const spoiled = untouched.fork();
    entry(spoiled, 9).bytes = Buffer.from(entry(spoiled, 5).bytes.toString().replace('"seq":5', '"seq":9'));
    expect((await judgeLog(rehash(spoiled, 9), auditor(untouched))).verdict).toBe(1);
  });

  it('insert a record: tampered', async () => {
    const line = Buffer.from(entry(untouched, 5).bytes.toString().replace('"amount":12', '"amount":99'));
    expect((await judgeLog(insertAfter(untouched.fork(), 5, line), auditor(untouched))).verdict).toBe(1);
  });

  it('change a record, its checksum made right: tampered', async () => {
    const found = await judgeLog(rehash(edit(untouched.fork(), 30, '"amount":', '"amount":1'), 30), auditor(untouched));
    expect(found.verdict).toBe(1);
  });

  it('delete a record: tampered, at its seq', async () => {
    const found = await judgeLog(drop(untouched.fork(), 12), auditor(untouched));
    expect(found.verdict).toBe(1);
    expect(found.codes).toContain('ENTRIES_MISSING 12');
  });

  it('duplicate a record: tampered', async () => {
    const found = await judgeLog(insertAfter(untouched.fork(), 12, entry(untouched, 12).bytes), auditor(untouched));
    expect(found.verdict).toBe(1);
    expect(found.codes).toContain('DUPLICATE_ENTRY 12');
  });

  it('delete 10 records and renumber the rest: tampered, also without the checkpoints between', async () => {
    const spoiled = drop(untouched.fork(), ...Array.from({ length: 10 }, (_, at) => 5 + at));
    for (let seq = 15; seq <= 44; seq++) {
      edit(spoiled, seq, `"seq":${seq}`, `"seq":${seq - 10}`);
      rehash(spoiled, seq);
    }
    expect((await judgeLog(spoiled, auditor(untouched))).verdict).toBe(1);
    const alone = await judgeLog(dropCheckpoints(spoiled), auditor(untouched));
    expect(alone.verdict).not.toBe(0);
  });

  it('cut the tail, no manifest left: undecided without a known checkpoint, tampered with it', async () => {
    const spoiled = cutAfter(untouched.fork(), 30);
    const without = await judgeLog(spoiled, auditor(untouched));
    expect(without.verdict).toBe(2);
    expect(kinds(without)).toContain('END_UNPROVEN');
    const known = await judgeLog(spoiled, auditor(untouched, { held: [untouched.note({ size: 44 })] }));
    expect(known.verdict).toBe(1);
    expect(known.codes).toContain('KNOWN_CONTRADICTED 30');
  });

  it('cut the tail at a seal and keep its checkpoint: undecided without a known checkpoint, tampered with it', async () => {
    const spoiled = cutAfter(untouched.fork(), 23, false);
    expect((await judgeLog(spoiled, auditor(untouched))).verdict).toBe(2);
    const known = auditor(untouched, { held: [untouched.note({ size: 44 })] });
    expect((await judgeLog(spoiled, known)).verdict).toBe(1);
  });

  it('delete the newest checkpoint: undecided', async () => {
    const found = await judgeLog(
      dropCheckpoints(untouched.fork(), (number) => number === 2),
      auditor(untouched),
    );
    expect(found.verdict).toBe(2);
  });

  it('put a checkpoint line before its seal: tampered', async () => {
    const spoiled = untouched.fork();
    const checkpoint = spoiled.lines.find(({ kind, bytes }) => kind === 'checkpoint' && bytes.includes('\\n23\\n'));
    spoiled.lines = spoiled.lines.filter((line) => line !== checkpoint);
    insertAfter(spoiled, 20, checkpoint?.bytes ?? '');
    const found = await judgeLog(spoiled, auditor(untouched));
    expect(found.codes).toContain('CHECKPOINT_EARLY 23');
    expect(found.verdict).toBe(1);
  });

  it("splice another stream's line, as it is and with our tag: tampered", async () => {
    const other = log(keys, 'audit.example.com/vectors/b');
    const spoiled = untouched.fork();
    entry(spoiled, 12).bytes = entry(other, 12).bytes;
    const asItIs = await judgeLog(spoiled, auditor(untouched));
    expect([...kinds(asItIs)]).toContain('FOREIGN_TAG');
    expect(asItIs.verdict).toBe(1);
    const text = entry(other, 12).bytes.toString().replace(other.kid, untouched.kid).replace('"n":10', '"n":11');
    entry(spoiled, 12).bytes = Buffer.from(text);
    expect((await judgeLog(rehash(spoiled, 12), auditor(untouched))).verdict).toBe(1);
  });

  it("splice a line of another run's key period: tampered", async () => {
    const twice = untouched
      .fork()
      .open(keys, { why: 'resumed' })
      .seal()
      .checkpoint()
      .record('{"n":1,"amount":10}')
      .close()
      .checkpoint();
    expect((await judgeLog(twice, auditor(twice))).verdict).toBe(0);
    const line = entry(twice, 47);
    line.bytes = Buffer.from(entry(twice, 3).bytes.toString().replace('"seq":3', '"seq":47'));
    const found = await judgeLog(twice, auditor(twice));
    expect(found.codes).toContain('KEY_ID_WRONG 47');
    expect(found.verdict).toBe(1);
  });

  it('rewrite `mac` to `hash`, of one line and of all: never ok', async () => {
    const one = untouched.fork();
    const text = entry(one, 12).bytes.toString();
    entry(one, 12).bytes = Buffer.from(
      text.includes('"mac":') ? text.replace('"mac":', '"hash":') : text.replace('"hash":', '"mac":'),
    );
    const found = await judgeLog(rehash(one, 12), auditor(untouched));
    expect(found.codes).toContain('MODE_WRONG 12');
    const all = untouched.fork();
    for (const line of all.lines)
      line.bytes = Buffer.from(line.bytes.toString().replace(/"mac":"(.{43})"}}$/, '"hash":"$1"}}'));
    expect((await judgeLog(dropCheckpoints(all), auditor(untouched))).verdict).not.toBe(0);
  });

  it.each(['nonce', 'fp', 'wrapped', 'identity', 'spki', 'source'])(
    'change `%s` in the first line: never ok',
    async (member) => {
      const spoiled = untouched.fork();
      const text = entry(spoiled, 1).bytes.toString();
      const other = member === 'source' ? 'file2' : fixedBytes(member).toString('base64url');
      const at = new RegExp(`"${member}":"[^"]*"`);
      const changed = at.test(text)
        ? text.replace(at, `"${member}":"${other}"`)
        : text.replace('"key":{', `"key":{"${member}":"${other}",`);
      entry(spoiled, 1).bytes = Buffer.from(changed);
      expect((await judgeLog(rehash(spoiled, 1), auditor(untouched))).verdict).not.toBe(0);
    },
  );

  it('change `step` of a seal: tampered', async () => {
    const found = await judgeLog(rehash(edit(untouched.fork(), 23, '"step":1', '"step":2'), 23), auditor(untouched));
    expect(found.verdict).toBe(1);
  });

  it('change every checkpoint to another root and sign it with a key of one’s own: tampered', async () => {
    const spoiled = rehash(edit(untouched.fork(), 12, '"amount":', '"amount":7'), 12);
    dropCheckpoints(spoiled);
    spoiled.checkpoint({ signers: [nextEdKey], mac: false });
    expect((await judgeLog(spoiled, auditor(untouched))).verdict).not.toBe(0);
  });

  it('append a run of one’s own, sealed with keys of one’s own: never ok', async () => {
    const spoiled = untouched
      .fork()
      .open({ signers: [nextEdKey] }, { why: 'resumed' })
      .seal()
      .checkpoint();
    spoiled.record('{"forged":true}').close().checkpoint();
    expect((await judgeLog(spoiled, auditor(untouched))).verdict).not.toBe(0);
  });

  it('append a run that names the right signer and is signed by nobody: never ok, also live', async () => {
    const forged = untouched
      .fork()
      .open({ signers: [edKey] }, { why: 'resumed' })
      .seal()
      .record('{"forged":true}')
      .seal();
    const further = { live: true, now: new Date(forged.clock + 1000).toISOString() };
    expect((await judgeLog(forged, auditor(untouched, further))).verdict).not.toBe(0);
    forged.close();
    expect((await judgeLog(forged, auditor(untouched))).verdict).not.toBe(0);
  });
});

describe.each(settings)('files of a log with $name', ({ keys, auditor }) => {
  function files(): SealedLog {
    const made = new SealedLog().open(keys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
    made.rotate('log.2.jsonl').record('3', '4').close('rotated').checkpoint();
    return made.rotate('log.3.jsonl').record('5', '6').close().checkpoint();
  }
  const untouched = files();
  const all = untouched.toFiles();
  const [one, two, three] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];

  it('in any order: ok', async () => {
    expect((await judgeFiles([three, one, two], auditor(untouched))).verdict).toBe(0);
  });

  it('delete a whole file: never ok', async () => {
    expect((await judgeFiles([two, three], auditor(untouched))).verdict).toBe(2);
    const hole = await judgeFiles([one, three], auditor(untouched));
    expect(hole.verdict).toBe(2); // a file that was not given looks the same
    expect(hole.codes).toContain('FILES_MISSING 6-9');
    expect((await judgeFiles([one, two], auditor(untouched))).verdict).toBe(2);
  });

  it('replace a whole file by an empty one, or by one of another stream: never ok', async () => {
    const other = new SealedLog('audit.example.com/vectors/b')
      .open(keys)
      .seal()
      .checkpoint()
      .record('x')
      .close()
      .checkpoint();
    const [foreign] = other.toFiles();
    const cases: [Buffer, number][] = [
      [Buffer.alloc(0), 2],
      [foreign?.bytes ?? Buffer.alloc(0), 1],
    ];
    for (const [bytes, verdict] of cases) {
      expect((await judgeFiles([one, { name: two.name, bytes }, three], auditor(untouched))).verdict).toBe(verdict);
    }
  });

  it('swap the contents of two files: the order is that of their entries', async () => {
    const swapped = [{ ...two, bytes: three.bytes }, { ...three, bytes: two.bytes }, one];
    expect((await judgeFiles(swapped, auditor(untouched))).verdict).toBe(0);
  });

  it('two files for one range that differ: FORK', async () => {
    const other = {
      name: 'log.2.copy.jsonl',
      bytes: Buffer.from(two.bytes.toString().replace('"line":"3"', '"line":"7"')),
    };
    const found = await judgeFiles([one, two, other, three], auditor(untouched));
    expect(kinds(found)).toContain('FORK');
    expect(found.verdict).toBe(1);
  });
});

describe.each(settings)('payload of the application in a log with $name', ({ keys, auditor }) => {
  it('that imitates each line of ours, of this very log and of another, stays ok', async () => {
    const pattern = log(keys);
    const made = new SealedLog().open(keys).seal().checkpoint();
    for (const { bytes } of pattern.lines) made.record(bytes, Buffer.concat([Buffer.from(' '), bytes]));
    for (const { bytes } of made.fork().lines) made.record(bytes);
    made.handOver(keys).close().checkpoint();
    expect((await judgeLog(made, auditor(made))).verdict).toBe(0);
  });
});

// M9.1
describe('deleting, moving and repeating checkpoint lines', () => {
  it.each(settings)('changes nothing while every key period stays covered: $name', async ({ keys, auditor }) => {
    const made = log(keys);
    const expected = await judgeLog(made, auditor(made));
    const checkpoints = made.lines.filter(({ kind }) => kind === 'checkpoint');
    const last = checkpoints.at(-1);
    const only = made.fork();
    dropCheckpoints(only, (number) => number < 2);
    const moved = made.fork();
    moved.lines = [...moved.lines.filter(({ kind }) => kind !== 'checkpoint'), ...checkpoints, ...checkpoints];
    expect(last).toBeDefined();
    for (const variant of [only, moved]) {
      expect((await judgeLog(variant, auditor(made))).codes).toEqual(expected.codes);
    }
  });

  it('deleting the last one before a restart or a hand-over: ADOPTED or UNSIGNED', async () => {
    const signed = { signers: [edKey] };
    const restarted = log(signed).open(signed, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
    const auditor = brings(restarted, { named: [edKey] });
    expect((await judgeLog(restarted, auditor)).verdict).toBe(0);
    const found = await judgeLog(
      dropCheckpoints(restarted, (number) => number === 2),
      auditor,
    );
    expect(found.verdict).toBe(2);
    expect(found.codes).toContain('ADOPTED 24-44');
    const made = new SealedLog()
      .open(signed)
      .seal()
      .checkpoint()
      .record('1')
      .key({ signers: [nextEdKey] })
      .seal()
      .checkpoint();
    made.record('2').close().checkpoint();
    const both = brings(made, { named: [edKey, nextEdKey] });
    expect((await judgeLog(made, both)).verdict).toBe(0);
    const cut = await judgeLog(
      dropCheckpoints(made, (number) => number === 1),
      both,
    );
    expect(cut.verdict).toBe(2);
    expect(kinds(cut)).toContain('UNSIGNED');
  });
});

describe('data keys of a made-up log', () => {
  it('are told apart from one another: a log sealed with another key is not ok', async () => {
    const made = log({ dataKey: nextDataKey });
    const found = await judgeLog(made, brings(made, { data: [dataKey] }));
    expect(found.verdict).toBe(2);
    expect(kinds(found)).toContain('WRONG_KEY');
  });
});
