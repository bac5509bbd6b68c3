import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadPolicy } from '../../src/index.ts';
import { wrapFile } from '../support/carriers.ts';
import { erase, recordErasures, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { verify } from '../support/verifying.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/** Mixed streams in several files: their order is that of their entries, whatever their names say (M8.2). */

const origins = ['audit.example.com/a', 'audit.example.com/b', 'audit.example.com/c'];
const publicKeys = origins.map((origin) => vkeyOf(origin, edKey));

function streams(): Buffer[][] {
  return origins.map((origin) => {
    const log = new SealedLog(origin)
      .open({ signers: [edKey] })
      .seal()
      .checkpoint();
    for (let n = 0; n < 6; n++) log.record(`{"n":${n}}`).seal().checkpoint();
    return log
      .close()
      .checkpoint()
      .lines.map(({ bytes }) => Buffer.concat([bytes, Buffer.from('\n')]));
  });
}

/** The lines of all streams, each stream's in their order, cut into files. */
function mix(turns: readonly number[], cuts: readonly number[]): Buffer[] {
  const rest = streams();
  const lines: Buffer[] = [];
  for (const turn of turns) {
    const line = rest[turn % rest.length]?.shift();
    if (line !== undefined) lines.push(line);
  }
  lines.push(...rest.flat());
  const at = [0, ...[...new Set(cuts.map((cut) => cut % lines.length))].sort((a, b) => a - b), lines.length];
  return at.slice(1).map((end, index) => Buffer.concat(lines.slice(at[index], end)));
}

function folder(files: readonly { name: string; bytes: Buffer }[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'mixed-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const { name, bytes } of files) writeFileSync(join(directory, name), bytes);
  return directory;
}

const check = (path: string): ReturnType<typeof verify> =>
  verify({ paths: [path], origin: origins, publicKeys, demux: true });

describe('mixed streams in several files', () => {
  it('with erased records are undecided: the erasure log of the policy is not read among them (R1.3)', async () => {
    const [one, two] = ['audit.example.com/a', 'audit.example.com/erasures'] as const;
    const log = new SealedLog(one)
      .open({ signers: [edKey], salted: true })
      .seal()
      .checkpoint()
      .record('{"n":1}', '{"n":2}')
      .close()
      .checkpoint();
    const erasures = new SealedLog(two)
      .open({ signers: [nextEdKey] })
      .seal()
      .checkpoint();
    recordErasures(erasures, log, 3).close().checkpoint();
    erase(log, 3, 4);
    const lines = [...log.lines, ...erasures.lines].map(({ bytes }) => `${bytes.toString('utf8')}\n`);
    const directory = folder([
      { name: '0.jsonl', bytes: Buffer.from(lines.join('')) },
      {
        name: 'policy.yaml',
        bytes: Buffer.from(
          JSON.stringify({
            version: 1,
            streams: [
              { origin: one, require: ['signature'], keys: [{ sign: vkeyOf(one, edKey) }] },
              { origin: two, require: ['signature'], keys: [{ sign: vkeyOf(two, nextEdKey) }] },
            ],
            erasures: [two],
          }),
        ),
      },
    ]);
    const policy = await loadPolicy(join(directory, 'policy.yaml'));
    const report = await verify({ paths: [join(directory, '0.jsonl')], policy, demux: true });
    const said = report.streams.map(({ origin, verdict, findings }) => [
      origin,
      verdict,
      ...findings.map(({ code }) => code),
    ]);
    expect(said).toEqual([
      [one, 'undecided', 'ERASED_UNPROVEN', 'ERASED_UNPROVEN'],
      [two, 'ok'],
    ]);
    expect(report.streams[0]?.findings[0]?.message).toContain('not all of the erasure logs could be verified');
  });

  it('are cut, not contradicted, where a manifest beside the file tells that its end is missing (M8.28)', async () => {
    const [one, two] = ['audit.example.com/a', 'audit.example.com/b'] as const;
    const before = new SealedLog(one)
      .open({ signers: [edKey] })
      .seal()
      .checkpoint()
      .record('{"n":1}')
      .seal()
      .checkpoint();
    before.record('{"n":2}').close('continued', { continuedBy: two }).checkpoint();
    const { size, root } = before.lastSeal;
    const after = new SealedLog(two)
      .open({ signers: [edKey] }, { after: { origin: one, size, root } })
      .seal()
      .checkpoint();
    after.record('{"n":3}').close().checkpoint();
    const bytesOf = (lines: SealedLog['lines']): Buffer =>
      Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
    const manifest = Buffer.from(JSON.stringify(before.manifestOf('a.jsonl')));
    const files = [
      { name: 'a.jsonl', bytes: bytesOf(before.lines.slice(0, -3)) },
      { name: 'a.jsonl.manifest.json', bytes: manifest },
      { name: 'b.jsonl', bytes: bytesOf(after.lines) },
    ];
    const report = await check(folder(files));
    expect(report.verdict).toBe('undecided');
    expect(report.streams[0]?.findings.map(({ code }) => code)).toContain('FILES_MISSING');
    const alone = await check(folder(files.toSpliced(1, 1)));
    expect(alone.findings.map(({ code }) => code)).toContain('LINK_CONTRADICTED');
  });

  it('are read although a damaged file of nobody comes first: an altered record is found', async () => {
    const [one, two] = mix([], [20]) as [Buffer, Buffer];
    const altered = Buffer.from(one.toString('latin1').replace('"n":3', '"n":9'), 'latin1');
    const path = folder([
      { name: '0.gz', bytes: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]) },
      { name: 'app.log.1', bytes: altered },
      { name: 'app.log', bytes: two },
    ]);
    expect(await check(path)).toMatchObject({ verdict: 'tampered' });
  });

  it('are read in the order of their entries: app.log after app.log.1', async () => {
    const [one, two] = mix([], [20]) as [Buffer, Buffer];
    const path = folder([
      { name: 'app.log.1', bytes: one },
      { name: 'app.log', bytes: two },
    ]);
    expect(await check(path)).toMatchObject({ verdict: 'ok', findings: [] });
  });

  it('are ok however they were mixed, cut and named', async () => {
    const turns = fc.array(fc.nat(2), { maxLength: 60 });
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(turns, cuts, fc.infiniteStream(fc.nat(1000)), async (turn, cut, names) => {
        const files = mix(turn, cut).filter(({ length }) => length > 0);
        const path = folder(files.map((bytes, at) => ({ name: `${names.next().value}-${at}.log`, bytes })));
        const report = await check(path);
        expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
      }),
      { numRuns: Number(process.env['MIXED_FILES'] ?? 25) },
    );
  });

  it('are ok where services moved between hosts, so that no order of the files fits all', async () => {
    const [a, b, c] = streams() as [Buffer[], Buffer[], Buffer[]];
    const path = folder([
      { name: 'host-1.log', bytes: Buffer.concat([...a.slice(0, 9), ...b.slice(9), ...c.slice(5, 9)]) },
      { name: 'host-2.log', bytes: Buffer.concat([...b.slice(0, 9), ...c.slice(9), ...a.slice(9)]) },
      { name: 'host-3.log', bytes: Buffer.concat(c.slice(0, 5)) },
    ]);
    const report = await check(path);
    expect(report).toMatchObject({ verdict: 'ok', findings: [] });
    expect(report.streams.map(({ files }) => files.length)).toEqual([3, 3, 3]);
  });

  it('are not called tampered where they stand in more orders than are tried', async () => {
    const many = Array.from({ length: 20 }, (_, at) => `audit.example.com/many/${at}`);
    const logs = many.map((origin) => {
      const log = new SealedLog(origin)
        .open({ signers: [edKey] })
        .seal()
        .checkpoint();
      for (let n = 0; n < many.length; n++) log.record(`{"n":${n}}`);
      return log
        .close()
        .checkpoint()
        .lines.map(({ bytes }) => Buffer.concat([bytes, Buffer.from('\n')]));
    });
    // of each two streams no order of the files fits both
    const files = many.map((_, at) => ({
      name: `${at}.log`,
      bytes: Buffer.concat(
        logs.map((lines, stream) => {
          const turn = (at + stream) % many.length;
          return Buffer.concat(
            turn === 0 ? lines.slice(0, 4) : lines.slice(turn + 3, turn === many.length - 1 ? undefined : turn + 4),
          );
        }),
      ),
    }));
    const report = await verify({
      paths: [folder(files)],
      origin: many,
      publicKeys: many.map((origin) => vkeyOf(origin, edKey)),
      demux: true,
    });
    const verdicts = report.streams.map(({ verdict }) => verdict);
    expect(verdicts.filter((verdict) => verdict === 'ok')).toHaveLength(16);
    expect(verdicts.filter((verdict) => verdict === 'undecided')).toHaveLength(4);
    expect(report.findings.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'LIMIT'));
  });

  it('are told of a checkpoint in no proper form, also before the first entry, in the stream that it names', async () => {
    const [a, b] = streams() as [Buffer[], Buffer[], Buffer[]];
    const nobodys = Buffer.from('{"integrity":{"kind":"checkpoint","note":"nobody"}}\n');
    const ofB = Buffer.from(`{"integrity":{"kind":"checkpoint","note":"${origins[1]}\\n3"}}\n`);
    const codes = async (...lines: Buffer[]): Promise<(readonly string[])[]> => {
      const report = await verify({
        paths: [folder([{ name: 'mixed.log', bytes: Buffer.concat(lines) }])],
        origin: origins.slice(0, 2),
        publicKeys,
        demux: true,
      });
      return report.streams.map(({ findings }) => findings.map(({ code }) => code));
    };
    expect(await codes(nobodys, ...a, ...b)).toEqual([['NOTE_MALFORMED'], []]);
    expect(await codes(ofB, ...a, ...b)).toEqual([[], ['NOTE_MALFORMED']]);
    expect(await codes(...a, ofB, ...b)).toEqual([[], ['NOTE_MALFORMED']]);
  });

  it('are put together over files of one container, also where a file of another one stands between them', async () => {
    const [a, b] = streams() as [Buffer[], Buffer[], Buffer[]];
    const one = wrapFile('docker', Buffer.concat([...b.slice(0, 3), ...a, ...b.slice(8)]), 50).bytes.toString('latin1');
    const lines = one.split('\n');
    const at = lines.findIndex((line) => line.includes('\\"n\\":')) + 1; // inside that record
    const path = folder([
      { name: 'one-json.log.1', bytes: Buffer.from(`${lines.slice(0, at).join('\n')}\n`, 'latin1') },
      { name: 'one-json.log', bytes: Buffer.from(lines.slice(at).join('\n'), 'latin1') },
      { name: 'two-json.log', bytes: wrapFile('docker', Buffer.concat(b.slice(3, 8)), 50).bytes },
    ]);
    const report = await verify({
      paths: [path],
      origin: origins.slice(0, 2),
      publicKeys,
      demux: true,
      unwrap: 'docker',
    });
    expect(report).toMatchObject({ verdict: 'ok', findings: [] });
  });

  it('are ok where a file holds nothing but a checkpoint', async () => {
    const [lines] = streams() as [Buffer[]];
    const path = folder([
      { name: 'a.log', bytes: lines.at(-1) as Buffer },
      { name: 'b.log', bytes: Buffer.concat(lines.slice(0, -1)) },
    ]);
    const report = await verify({ paths: [path], origin: origins[0] as string, publicKeys, demux: true });
    expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
  });

  it('count once where a file is there twice, plain and compressed', async () => {
    const [one, two] = mix([0, 1, 2, 0, 1, 2], [20]) as [Buffer, Buffer];
    const path = folder([
      { name: 'app.log', bytes: two },
      { name: 'app.log.1', bytes: one },
      { name: 'app.log.1.gz', bytes: gzipSync(one) },
    ]);
    expect((await check(path)).verdict).toBe('ok');
  });

  it.each([11, 12, 30, 200])(
    'of which a compressed one ends after %i bytes: it may hold what is held',
    async (length) => {
      const [origin = ''] = origins;
      const log = new SealedLog(origin)
        .open({ signers: [edKey] })
        .record('one')
        .seal()
        .checkpoint()
        .close()
        .checkpoint();
      const cut = gzipSync(Buffer.concat(log.toFiles().map(({ bytes }) => bytes))).subarray(0, length);
      const path = folder([{ name: 'app.log.gz', bytes: cut }]);
      const held = [log.note()];
      for (const demux of [true, false]) {
        const { verdict, findings } = await verify({ paths: [path], origin: `${origin}*`, publicKeys, demux, held });
        expect([verdict, findings.map(({ code }) => code)]).toEqual([
          'undecided',
          expect.arrayContaining(['UNREADABLE']),
        ]);
      }
    },
  );

  it('that contradict each other are read all the same, and found', async () => {
    const [one, two] = mix([0, 1], [20]) as [Buffer, Buffer];
    const lines = (bytes: Buffer): string[] => bytes.toString().split('\n').filter(Boolean);
    const crossed = [...lines(one).slice(0, 1), ...lines(two).slice(-3), ...lines(one).slice(1)].join('\n');
    const path = folder([
      { name: 'one.log', bytes: Buffer.from(`${crossed}\n`) },
      { name: 'two.log', bytes: two },
    ]);
    expect((await check(path)).verdict).toBe('tampered');
  });
});
