import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openKeys } from '../../src/api/open-keys.ts';
import { TamperError } from '../../src/errors.ts';
import { auditorKeys, type VerifyReport } from '../../src/index.ts';
import { listLogs } from '../../src/storage/list-logs.ts';
import type { StoredLogs } from '../../src/storage/stored-logs.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { loadPolicy } from '../../src/verify/auditor/policy.ts';
import { verify } from '../../src/verify/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../support/signing-keys.ts';
import { someOf } from '../support/tier.ts';
import { vectorInputs, vectorNames } from '../support/vector-inputs.mjs';

/** Objects of a bucket are verified as files are, and no answer of the bucket makes a log better than it is. */

const root = mkdtempSync(join(tmpdir(), 'stored-logs-'));
afterAll(() => rmSync(root, { recursive: true }));

const folderOf = (storage: MemoryStorage, prefix = 'logs'): StoredLogs => ({
  storage,
  list: () => listLogs(storage, prefix),
});

/** The report as it would be of files with these names. */
function renamed(report: VerifyReport, from: string, to: string): unknown {
  return JSON.parse(JSON.stringify(report).replaceAll(from, to));
}

describe('every vector', () => {
  it.each(someOf(vectorNames(), 24))('%s: the report is that of the files', async (name) => {
    const folder = join(root, name);
    const { args } = vectorInputs(name, folder);
    const files = args.slice(
      0,
      args.findIndex((arg: string) => arg.startsWith('--')),
    );
    const logs = join(folder, 'logs');
    mkdirSync(logs);
    const storage = new MemoryStorage();
    for (const file of readdirSync(folder)) {
      if (!files.includes(file) && !file.endsWith('.manifest.json')) continue;
      copyFileSync(join(folder, file), join(logs, file));
      storage.set(`logs/${file}`, readFileSync(join(folder, file)));
    }
    const values = (flag: string): string[] => args.flatMap((arg, at) => (arg === flag ? (args[at + 1] ?? []) : []));
    const [policyFile] = values('--policy');
    const policy = policyFile === undefined ? undefined : await loadPolicy(join(folder, policyFile));
    const given = auditorKeys({
      publicKeyFiles: values('--public-key').map((file) => join(folder, file)),
      dataKeyFiles: values('--keys').map((file) => join(folder, file)),
    });
    const { close, ...keys } = await openKeys([given], policy !== undefined);
    const [limit] = values('--max-bytes');
    const options: Omit<VerifyOptions, 'paths'> = {
      ...keys,
      ...(policy === undefined ? { origin: values('--origin') } : { policy }),
      held: values('--since').map((file) => readFileSync(join(folder, file), 'utf8')),
      now: new Date(values('--now')[0] ?? ''),
      live: args.includes('--live'),
      part: args.includes('--part'),
      ...(limit !== undefined && { maxBytes: Number(limit) }),
      digestFiles: true,
    };
    try {
      const ofFiles = await verify({ ...options, paths: [logs] });
      const ofObjects = await verify({ ...options, paths: [], stored: [folderOf(storage)] });
      expect(renamed(ofObjects, 's3://memory/logs/', '')).toEqual(renamed(ofFiles, `${logs}/`, ''));
    } finally {
      await close();
    }
  });
});

/** Three files of one signed run, of about a kilobyte, 9 MB and a kilobyte. */
const signer = ed25519Key('stored');
const log = new SealedLog()
  .open({ signers: [signer] })
  .seal()
  .checkpoint();
log.record('one').close('rotated').checkpoint().rotate('b.jsonl').seal().checkpoint();
for (let at = 0; at < 9; at++) log.record(JSON.stringify({ at, fill: 'x'.repeat(1_000_000) }));
log
  .seal()
  .checkpoint()
  .close('rotated')
  .checkpoint()
  .rotate('c.jsonl')
  .seal()
  .checkpoint()
  .record('two')
  .close()
  .checkpoint();
const files = log.toFiles();
const [small, large] = files as [SealedFile, SealedFile];

interface SealedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

function stored(): MemoryStorage {
  const storage = new MemoryStorage();
  for (const { name, bytes } of files) storage.set(`logs/${name}`, bytes);
  return storage;
}

const judge = async (storage: MemoryStorage, prefix?: string): Promise<VerifyReport> =>
  verify({
    paths: [],
    stored: [folderOf(storage, prefix)],
    origin: log.origin,
    publicKeys: [vkeyOf(log.origin, signer)],
  });

/** Breaks the file's record, so that any honest reading says tampered. */
const spoilt = ({ bytes }: SealedFile): Buffer => {
  const text = Buffer.from(bytes);
  const record = Math.max(...['"line":"one"', '"line":"two"', '"at":5'].map((own) => text.indexOf(own)));
  text[record + 2] = 0x5a;
  return text;
};

describe('the bucket', () => {
  it('is asked once for a listing, once for a small object, once for each MiB of a large one', async () => {
    const storage = stored();
    expect((await judge(storage)).verdict).toBe('ok');
    expect(storage.count('list')).toBe(2); // of the folder, and of an object of its name
    const reads = (name: string): number => storage.requests.filter(({ key }) => key === `logs/${name}`).length;
    expect([reads(small.name), reads('c.jsonl')]).toEqual([1, 1]);
    // the look, the first entry, the head, then parts
    expect(reads('b.jsonl')).toBe(3 + Math.ceil((large.bytes.length - 64 * 1024) / (1024 * 1024)));
    expect(storage.count()).toBe(storage.count('list') + storage.count('read'));
  });

  describe.each(files.map(({ name }) => name))('that replaces %s', (name) => {
    const file = files.find((one) => one.name === name) as SealedFile;

    it.each([1, 2, 3, 4, 5, 6])('by a tampered one before request %i for it is never believed', async (nth) => {
      const storage = stored();
      let seen = 0;
      storage.before = ({ method, key }) => {
        if (method === 'read' && key === `logs/${name}` && ++seen === nth) storage.set(key, spoilt(file));
      };
      const report = await judge(storage);
      // what was read whole before it was replaced is what was listed
      expect(report.verdict).toBe(seen >= nth ? 'tampered' : 'ok');
    });

    it('each time it is read lets nothing be decided, and is named', async () => {
      const storage = stored();
      storage.before = ({ method, key }) => {
        if (method === 'read' && key === `logs/${name}`) storage.set(key, file.bytes);
      };
      const { verdict, findings } = await judge(storage);
      expect(verdict).toBe('undecided');
      expect(findings.find(({ code }) => code === 'UNREADABLE')?.file).toContain(name);
    });

    it('and takes it away between listing and reading loses it from the log, or has it whole', async () => {
      const storage = stored();
      storage.before = ({ method, key }) => {
        if (method === 'read' && key === `logs/${name}`) storage.delete(key);
      };
      expect((await judge(storage)).verdict).not.toBe('ok');
    });

    it.each(['UNAVAILABLE', 'RESPONSE_MALFORMED'] as const)(
      'answers %s four times, and is asked again',
      async (code) => {
        const storage = stored();
        let failures = 0;
        storage.before = ({ method, key }) => {
          if (method === 'read' && key === `logs/${name}` && failures++ < 4) throw new TamperError(code, 'not now');
        };
        expect((await judge(storage)).verdict).toBe('ok');
      },
    );
  });

  it('gives less than it promised, and is not taken at its word', async () => {
    const storage = stored();
    const read = storage.read.bind(storage);
    storage.read = async (object, from, length) => {
      const bytes = await read(object, from, length);
      return object.key === 'logs/b.jsonl' && from > 0 ? bytes.subarray(0, -1) : bytes;
    };
    const report = await judge(storage);
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toContain('UNREADABLE');
  });

  it.each(['UNAVAILABLE', 'ACCESS_DENIED', 'UNAUTHENTICATED'] as const)(
    'says %s in the middle of an object: undecided, with what it says',
    async (code) => {
      const storage = stored();
      let reads = 0;
      storage.before = ({ method, key }) => {
        if (method === 'read' && key === 'logs/b.jsonl' && ++reads > 3) throw new TamperError(code, 'no more');
      };
      const report = await judge(storage);
      expect(report.verdict).toBe('undecided');
      const found = report.findings.find((finding) => finding.code === 'UNREADABLE');
      expect(found).toMatchObject({ file: 's3://memory/logs/b.jsonl' });
      expect(found?.message).toContain('no more');
    },
  );

  it('moves an object while it is listed, which is listed again before anything is said to be missing', async () => {
    const storage = stored();
    storage.pageSize = 1;
    let pages = 0;
    storage.before = ({ method }) => {
      if (method !== 'list' || ++pages !== 2) return;
      storage.delete('logs/b.jsonl'); // behind the page that was given, under a name that stands before it
      storage.set('logs/0.jsonl', large.bytes);
    };
    expect((await judge(storage)).verdict).toBe('ok');
  });

  it('has what a start took out of a log, which is listed, and a folder that is called so, which is read', async () => {
    const storage = stored();
    storage.delete(`logs/${small.name}`);
    storage.set(`logs/b.torn-1/${small.name}`, small.bytes);
    storage.set(`logs/b.torn-1/${small.name}.torn-2`, '{"level":30');
    const { verdict, ignored } = await judge(storage);
    expect(verdict).toBe('ok');
    expect(ignored.files).toEqual([{ file: expect.stringContaining('.torn-2'), why: 'beside a log' }]);
  });

  it('has hidden objects, marks of folders and files of its writer beside the logs, and other logs with longer names', async () => {
    const storage = stored();
    for (const key of [
      'logs/',
      'logs/sub/',
      'logs/.hidden',
      'logs/.git/x.jsonl',
      'logs/a.jsonl.lock',
      'logs/x.chainstate',
    ])
      storage.set(key, key.endsWith('/') ? '' : small.bytes);
    storage.set('logs2/a.jsonl', spoilt(small));
    storage.set('logs.jsonl', spoilt(small));
    const report = await judge(storage);
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]?.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  });

  describe.each([
    ['a stray', 'logs/0.jsonl'],
    ['one behind the others', 'logs/z.jsonl'],
    ['a manifest', 'logs/b.jsonl.manifest.json'],
  ])('has %s that cannot be read', (_, key) => {
    it.each(['ACCESS_DENIED', 'UNAUTHENTICATED'] as const)('(%s): named, and hides no other finding', async (code) => {
      for (const tampered of [false, true]) {
        const storage = stored();
        if (tampered) storage.set('logs/c.jsonl', spoilt(files[2] as SealedFile));
        storage.set(key, 'x');
        storage.before = (request) => {
          if (request.method === 'read' && request.key === key) throw new TamperError(code, 'archived');
        };
        const report = await judge(storage);
        expect(report.verdict).toBe(tampered ? 'tampered' : 'undecided');
        const said = JSON.stringify([report.findings, report.streams.map(({ findings }) => findings)]);
        expect(said).toMatch(new RegExp(`${key}[^{}]*archived`));
      }
    });
  });

  describe('has an object and a folder of one name', () => {
    const whole = Buffer.concat(files.map(({ bytes }) => bytes));
    const older = files[0]?.bytes ?? Buffer.alloc(0);

    it.each([
      ['an older copy in the folder', spoilt({ name: 'logs', bytes: whole }), { 'logs/x': older }],
      [
        'an older copy of that name',
        older,
        Object.fromEntries(files.map((file) => [`logs/${file.name}`, spoilt(file)])),
      ],
    ])('where %s hides nothing that was tampered with', async (_, named, below) => {
      const storage = new MemoryStorage();
      storage.set('logs', named);
      for (const [key, bytes] of Object.entries(below)) storage.set(key, bytes);
      expect((await judge(storage)).verdict).toBe('tampered');
    });

    it('where all of it is verified', async () => {
      const storage = new MemoryStorage();
      storage.set('logs', older);
      for (const { name, bytes } of files.slice(1)) storage.set(`logs/${name}`, bytes);
      expect((await judge(storage)).verdict).toBe('ok');
    });
  });

  it('has no such object', async () => {
    await expect(judge(stored(), 'logs/none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(judge(stored(), 'log')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
