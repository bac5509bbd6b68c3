import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createDataKey, loadPolicy } from '../../src/index.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { dataKey, edKey } from '../vectors/keys.ts';

/** Any one file deleted, of any arrangement of files: never ok, unless nothing held or demanded could tell (M8.28). */

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Files = readonly { readonly name: string; readonly bytes: Buffer }[];

interface Arrangement {
  readonly name: string;
  readonly make: (keys: EpochKeys) => { files: Files; notes: string[] };
  /** A file that nothing else points to: only a held checkpoint shows that it is gone. */
  readonly unknown?: string;
}

const ROOT = 'o.example/pay';

function renamed(log: SealedLog, name: string): Files {
  return log.toFiles().map(({ bytes }, at) => ({ name: `${name}-${at + 1}.jsonl`, bytes }));
}

function rotated(keys: EpochKeys): { files: Files; notes: string[] } {
  const log = new SealedLog(`${ROOT}/one`).open(keys).seal().checkpoint().record('1').close('rotated').checkpoint();
  for (const at of [2, 3]) log.rotate(`log.${at}.jsonl`).record(`${at}`).close('rotated').checkpoint();
  log.rotate('log.4.jsonl').record('4').close().checkpoint();
  return { files: renamed(log, 'rotated'), notes: [log.note({ size: 2 }), log.note()] };
}

function chained(keys: EpochKeys): { files: Files; notes: string[] } {
  const origins = ['a', 'b', 'c', 'd'].map((name) => `${ROOT}/${name}`);
  const files: { name: string; bytes: Buffer }[] = [];
  const notes: string[] = [];
  let before: SealedLog | undefined;
  for (const [at, origin] of origins.entries()) {
    const after = before && { origin: before.origin, size: before.size, root: before.tree.root() };
    const log = new SealedLog(origin)
      .open(keys, after ? { after } : {})
      .seal()
      .checkpoint()
      .record(`${at}`);
    const next = origins[at + 1];
    (next === undefined ? log.close() : log.close('continued', { continuedBy: next })).checkpoint();
    files.push(...renamed(log, `chain-${at + 1}`));
    notes.push(log.note({ size: 2 }), log.note());
    before = log;
  }
  return { files, notes };
}

function conflicting(keys: EpochKeys): { files: Files; notes: string[] } {
  const old = new SealedLog(`${ROOT}/x`).open(keys).seal().checkpoint().record('1').close().checkpoint();
  const after = { origin: old.origin, size: old.size, root: old.tree.root() };
  const log = new SealedLog(`${ROOT}/x/20261124T230024Z-0a1b2c3d`).open(keys, { why: 'conflict', after });
  log.seal().checkpoint().record('2').close().checkpoint();
  return {
    files: [...renamed(old, 'old'), ...renamed(log, 'new')],
    notes: [old.note(), log.note()],
  };
}

const arrangements: readonly Arrangement[] = [
  { name: 'rotation', make: rotated },
  { name: 'a stream a file, each continued by the next', make: chained },
  { name: 'a stream begun after a conflict', make: conflicting, unknown: 'new-1.jsonl' },
];

const bytesOf = async (): Promise<ReturnType<typeof createDataKey>> =>
  createDataKey({ material: Buffer.from(dataKey), source: 'file', identity: 'audit' });
const modes: readonly { readonly name: string; readonly keys: EpochKeys; readonly brings: Partial<VerifyOptions> }[] = [
  {
    name: 'MACs',
    keys: { dataKey },
    brings: {
      dataKeys: [{ source: 'file', keys: { getKey: bytesOf, recoverKey: bytesOf }, named: [{ name: 'audit' }] }],
    },
  },
  { name: 'signatures', keys: { signers: [edKey] }, brings: { publicKeys: [vkeyOf('any', edKey)] } },
];

function lay(files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), 'missing-files-'));
  folders.push(folder);
  for (const { name, bytes } of files) writeFileSync(join(folder, name), bytes);
  return folder;
}

async function judged(files: Files, options: Partial<VerifyOptions>) {
  return verify({ paths: [lay(files)], origin: `${ROOT}/*`, ...options });
}

describe.each(modes)('with $name', ({ keys, brings }) => {
  describe.each(arrangements)('$name', ({ make, unknown }) => {
    const { files, notes } = make(keys);

    it('is ok with every file', async () => {
      expect((await judged(files, brings)).verdict).toBe('ok');
      expect((await judged(files, { ...brings, held: notes })).verdict).toBe('ok');
    });

    it.each(files.map(({ name }) => name))(
      'is not ok without %s, whether checkpoints are held or not',
      async (name) => {
        const left = files.filter((file) => file.name !== name);
        const without = await judged(left, brings);
        expect(without.verdict).toBe(name === unknown ? 'ok' : 'undecided');
        expect(without.note).toBe('nothing here shows what came after');
        expect((await judged(left, { ...brings, held: notes })).verdict).not.toBe('ok');
      },
    );
  });
});

describe('a stream of which a checkpoint is held', () => {
  const signed = modes[1] as (typeof modes)[number];
  const streams = ['a', 'b', 'c'].map((name) => {
    const log = new SealedLog(`${ROOT}/${name}`).open(signed.keys).seal().checkpoint().record(name);
    return log.close().checkpoint();
  });
  const files = streams.flatMap((log, at) => renamed(log, `stream-${at}`));

  it('is tampered with once all its files are gone, from a known file', async () => {
    const folder = lay(files);
    const known = join(lay([]), 'known.json');
    const options = { paths: [folder], origin: `${ROOT}/*`, known, ...signed.brings };
    expect((await verify(options)).verdict).toBe('ok');
    rmSync(join(folder, 'stream-1-1.jsonl'));
    const report = await verify(options);
    expect(report.verdict).toBe('tampered');
    expect(report.findings).toMatchObject([{ code: 'KNOWN_CONTRADICTED', origin: `${ROOT}/b` }]);
    expect((await verify({ ...options, origin: [`${ROOT}/a`, `${ROOT}/c`] })).verdict, 'nobody asks').toBe('ok');
  });

  it('is tampered with once all its files are gone, from a note or a pin', async () => {
    const note = streams[1]?.note() ?? '';
    const left = files.filter((_file, at) => at !== 1);
    expect((await judged(left, { ...signed.brings, held: [note] })).verdict).toBe('tampered');
    const policy = join(
      lay([
        { name: 'b.note', bytes: Buffer.from(note) },
        {
          name: 'policy.yaml',
          bytes: Buffer.from(
            `version: 1\nstreams:\n  - origin: ${ROOT}/*\n    keys: [{ sign: '${vkeyOf('any', edKey)}' }]\n    pins: [b.note]\n`,
          ),
        },
      ]),
      'policy.yaml',
    );
    const report = await verify({ paths: [lay(left)], policy: await loadPolicy(policy) });
    expect(report.findings).toMatchObject([{ code: 'KNOWN_CONTRADICTED', origin: `${ROOT}/b` }]);
  });
});

it('a policy that pins a checkpoint of another stream is refused: it would protect nothing', async () => {
  const { files, notes } = rotated((modes[1] as (typeof modes)[number]).keys);
  const note = (notes[0] ?? '').replace(/^[^\n]+/, `${ROOT}/other`);
  const text = `version: 1\nstreams:\n  - origin: ${ROOT}/a\n    keys: [{ sign: '${vkeyOf('any', edKey)}' }]\n    pins: [b.note]\n`;
  const folder = lay([
    ...files,
    { name: 'b.note', bytes: Buffer.from(note) },
    { name: 'policy.yaml', bytes: Buffer.from(text) },
  ]);
  await expect(loadPolicy(join(folder, 'policy.yaml'))).rejects.toMatchObject({
    code: 'POLICY_INVALID',
    message: expect.stringContaining(`pins of ${ROOT}/a: b.note is a checkpoint of the stream ${ROOT}/other`),
  });
});

describe('the beginning of a log', () => {
  const signed = modes[1] as (typeof modes)[number];
  const { files, notes } = rotated(signed.keys);
  const left = files.slice(1);

  it('that is missing shows under --strict where a later checkpoint proves the rest', async () => {
    const held = notes.slice(1);
    expect((await judged(left, { ...signed.brings, held })).findings).toMatchObject([{ code: 'START_HELD' }]);
    expect((await judged(left, { ...signed.brings, held, strict: true })).verdict).toBe('undecided');
    expect((await judged(files, { ...signed.brings, held, strict: true })).verdict).toBe('ok');
  });

  it('can be demanded by a policy', async () => {
    const text = `version: 1\nstreams:\n  - { origin: '${ROOT}/*', start: whole, keys: [{ sign: '${vkeyOf('any', edKey)}' }] }\n`;
    const policy = await loadPolicy(join(lay([{ name: 'p.yaml', bytes: Buffer.from(text) }]), 'p.yaml'));
    const options = { policy, held: notes.slice(1) };
    expect((await verify({ paths: [lay(files)], ...options })).verdict).toBe('ok');
    const report = await verify({ paths: [lay(left)], ...options });
    expect(report.findings).toMatchObject([{ code: 'START_UNPROVEN' }]);
  });
});

describe('restarts', () => {
  it('at or below a held checkpoint are no news', async () => {
    const signed = modes[1] as (typeof modes)[number];
    const log = new SealedLog(`${ROOT}/r`).open(signed.keys).seal().checkpoint().close().checkpoint();
    log.open(signed.keys, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
    const held = [log.note()];
    log.open(signed.keys, { why: 'resumed' }).seal().checkpoint().close().checkpoint();
    const all = await judged(renamed(log, 'r'), signed.brings);
    expect(all.findings.map(({ code, seq }) => `${code} ${seq}`)).toEqual(['RESTART 4', 'RESTART 7']);
    const news = await judged(renamed(log, 'r'), { ...signed.brings, held });
    expect(news.findings.map(({ code, seq }) => `${code} ${seq}`)).toEqual(['RESTART 7']);
  });
});
