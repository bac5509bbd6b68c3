import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { familyOf } from '../../src/audit/memory/family.ts';
import { parseRemembered } from '../../src/audit/memory/remembered.ts';
import { StorageMemory } from '../../src/audit/memory/storage-memory.ts';
import { StoragePlace } from '../../src/audit/place/storage-place.ts';
import { createDataKey, formatVkey, type StreamResult, type Verdict } from '../../src/index.ts';
import { openStorage } from '../../src/providers/open-storage.ts';
import { parseLocation } from '../../src/storage/location.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { DEFAULT_ACCEPTANCE } from '../../src/verify/auditor/auditor.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { verify } from '../../src/verify/verify.ts';
import { start, workplace } from '../seal/workplace.ts';
import { running } from '../servers/running.ts';
import {
  auditFleet,
  DAY,
  type FleetFiles,
  fleetInBucket,
  fleetOnDisk,
  rewritten,
  rotatedLog,
  spoilSignature,
  ZSTD,
} from '../support/fleet.ts';
import type { MemoryStorage } from '../support/memory-storage.ts';
import { objectStores } from '../support/object-stores.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, signKeys } from '../vectors/logs.ts';

/**
 * Whatever is done to any one object of a stream, before the first audit or after it, with or without new objects: an audit never
 * says ok where a whole verification with the checkpoints that are remembered does not, nor that something was tampered with
 * where that verification does not.
 */

type Files = ReadonlyMap<string, Buffer>;

/** A stream as it was at two times. */
interface Growing {
  readonly name: string;
  readonly before: Files;
  readonly after: Files;
}

const filesOf = (log: SealedLog, folder: string): Files =>
  new Map(log.toFiles().map(({ name, bytes }) => [`${folder}/${name}`, bytes]));

function rotated(name: string, keys: typeof bothKeys | typeof macKeys | typeof signKeys): Growing {
  return {
    name,
    before: filesOf(rotatedLog(`fleet/${name}`, 3, keys), name),
    after: filesOf(rotatedLog(`fleet/${name}`, 5, keys), name),
  };
}

/** Goes on in its last file, restarts there and once more in a next one. */
function restarting(name: string): Growing {
  const log = rotatedLog(`fleet/${name}`, 2);
  log.rotate('0003.jsonl').record('{"n":1}').seal().checkpoint();
  const before = filesOf(log, name);
  log.record('{"n":2}').close().checkpoint();
  log.open(signKeys, { why: 'resumed' }).seal().checkpoint().record('{"n":3}').seal().checkpoint();
  log.file = '0004.jsonl';
  log.open(signKeys, { why: 'recovered' }).seal().checkpoint().record('{"n":4}').close('rotated').checkpoint();
  return { name, before, after: filesOf(log, name) };
}

/** Signed by a key that takes its time: each checkpoint stands one file behind its entries, but for that of a finished file. */
function late(name: string): Growing {
  const build = (files: number): Files => {
    const log = new SealedLog(`fleet/${name}`).open(signKeys);
    log.file = '0001.jsonl';
    log.seal().checkpoint();
    const sealed: number[] = [log.lastSeal.size];
    for (let file = 1; file <= files; file++) {
      if (file > 1) log.rotate(`${String(file).padStart(4, '0')}.jsonl`);
      for (const size of sealed.splice(0)) log.checkpoint({ size });
      log.record('{"n":1}').seal();
      sealed.push(log.lastSeal.size);
      log.record('{"n":2}').close('rotated').checkpoint();
    }
    return filesOf(log, name);
  };
  return { name, before: build(3), after: build(5) };
}

/** A new stream for each file, each of which cites the one before. */
function chained(name: string): Growing {
  const names = [1, 2, 3, 4].map((at) =>
    at === 1 ? `fleet/${name}` : `fleet/${name}/2026112${at}T000000Z-0000000${at}`,
  );
  const logs: SealedLog[] = [];
  for (const [at, origin] of names.entries()) {
    const last = logs.at(-1);
    const after = last && { origin: last.origin, size: last.lastSeal.size, root: last.lastSeal.root };
    const log = new SealedLog(origin)
      .open(signKeys, after ? { after } : {})
      .seal()
      .checkpoint()
      .record('{"n":1}');
    const next = names[at + 1];
    log.close('continued', { continuedBy: next ?? 'fleet/nothing' });
    logs.push(log.checkpoint());
  }
  const files = logs.map((log, at): [string, Buffer] => [`${name}/${at}.jsonl`, log.toFiles()[0]?.bytes as Buffer]);
  const open = (origin: string, last: SealedLog): Buffer => {
    const after = { origin: last.origin, size: last.lastSeal.size, root: last.lastSeal.root };
    const log = new SealedLog(origin)
      .open(signKeys, { after })
      .seal()
      .checkpoint()
      .record('{"n":1}')
      .seal()
      .checkpoint();
    return log.toFiles()[0]?.bytes as Buffer;
  };
  const [third, fourth] = [names[2] as string, names[3] as string];
  return {
    name,
    before: new Map([...files.slice(0, 2), [`${name}/2.jsonl`, open(third, logs[1] as SealedLog)]]),
    after: new Map([...files.slice(0, 3), [`${name}/3.jsonl`, open(fourth, logs[2] as SealedLog)]]),
  };
}

const provider = new MemoryProvider({ keyIds: ['audit'] });

/** By the writer itself, with manifests. */
async function written(name: string): Promise<Growing> {
  const { directory, options } = workplace();
  const sealer = start({ ...options(), keyProvider: provider, origin: `fleet/${name}` });
  const files = (): Files => {
    const names = readdirSync(directory).filter((one) => /\.jsonl(\.manifest\.json)?$/.test(one));
    return new Map(names.map((one) => [`${name}/${one}`, readFileSync(join(directory, one))]));
  };
  for (const n of [1, 2]) {
    sealer.write(`{"n":${n}}`);
    await sealer.rotate();
  }
  const before = files();
  sealer.write('{"n":3}');
  await sealer.rotate();
  sealer.write('{"n":4}');
  await sealer.close();
  return { name, before, after: files() };
}

type Manipulation = (bucket: MemoryStorage, key: string, others: Files) => void;

const manipulations: Readonly<Record<string, Manipulation>> = {
  deleted: (bucket, key) => bucket.delete(key),
  emptied: (bucket, key) => void bucket.set(key, ''),
  'written again': (bucket, key) => void bucket.set(key, bucket.text(key) ?? ''),
  'without its last lines': (bucket, key) => {
    const lines = (bucket.text(key) ?? '').trimEnd().split('\n');
    bucket.set(
      key,
      lines
        .slice(0, Math.max(1, lines.length - 3))
        .map((line) => `${line}\n`)
        .join(''),
    );
  },
  'without its first line': (bucket, key) => {
    const text = bucket.text(key) ?? '';
    bucket.set(key, text.slice(text.indexOf('\n') + 1));
  },
  'without its checkpoints': (bucket, key) => {
    const lines = (bucket.text(key) ?? '').split('\n').filter((line) => !line.includes('"kind":"checkpoint"'));
    bucket.set(key, lines.join('\n'));
  },
  'cut in the middle of a line': (bucket, key) => {
    const text = bucket.text(key) ?? '';
    bucket.set(key, text.slice(0, Math.floor(text.length / 2)));
  },
  'one character changed': (bucket, key) => {
    const text = bucket.text(key) ?? '';
    const at = Math.floor(text.length * 0.6);
    bucket.set(key, `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`);
  },
  "another stream's": (bucket, key, others) => void bucket.set(key, [...others.values()][0] ?? ''),
  'another object of the stream': (bucket, key) => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const other = bucket.keys().find((one) => one.startsWith(folder) && one !== key);
    bucket.set(key, bucket.text(other ?? key) ?? '');
  },
  'its first checkpoint spoilt': (bucket, key) => spoilCheckpoint(bucket, key, 'first'),
  'its last checkpoint spoilt': (bucket, key) => spoilCheckpoint(bucket, key, 'last'),
  'the lines of another object behind its own': (bucket, key) => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    const other = bucket.keys().findLast((one) => one.startsWith(folder) && one !== key);
    bucket.set(key, (bucket.text(key) ?? '') + (bucket.text(other ?? key) ?? ''));
  },
  'its last two lines swapped': (bucket, key) => {
    const lines = (bucket.text(key) ?? '').trimEnd().split('\n');
    const swapped = [...lines.slice(0, -2), ...lines.slice(-2).reverse()];
    bucket.set(key, swapped.map((line) => `${line}\n`).join(''));
  },
  'a line behind it that was never sealed': (bucket, key) => void bucket.set(key, `${bucket.text(key) ?? ''}{"n":1}\n`),
  'under another name': (bucket, key) => {
    bucket.set(key.replace(/([^/]+)$/, 'moved-$1'), bucket.text(key) ?? '');
    bucket.delete(key);
  },
  'packed, so that nobody can read it': (bucket, key) => {
    bucket.set(`${key}.zst`, ZSTD);
    bucket.delete(key);
  },
  'written anew by a tool': (bucket, key) => void bucket.set(key, rewritten(bucket.text(key) ?? '')),
  'written anew by a tool, under another name': (bucket, key) => {
    bucket.set(key.replace(/([^/]+)$/, 'new-$1'), rewritten(bucket.text(key) ?? ''));
    bucket.delete(key);
  },
  'in UTF-16, under another name': (bucket, key) => {
    bucket.set(key.replace(/([^/]+)$/, 'wide-$1'), Buffer.from(`\ufeff${bucket.text(key) ?? ''}`, 'utf16le'));
    bucket.delete(key);
  },
  'compressed and damaged, under another name': (bucket, key) => {
    const bytes = gzipSync(bucket.text(key) ?? '');
    bucket.set(`${key}.1.gz`, bytes.fill(0xff, 10));
    bucket.delete(key);
  },
  'a changed copy beside it': (bucket, key) => {
    bucket.set(key.replace(/([^/]+)$/, 'copy-$1'), (bucket.text(key) ?? '').replace('"n":1', '"n":7'));
  },
};

/** Another character in its signature. */
function spoilCheckpoint(bucket: MemoryStorage, key: string, which: 'first' | 'last'): void {
  const lines = (bucket.text(key) ?? '').split('\n');
  const isCheckpoint = (line: string): boolean => line.includes('"kind":"checkpoint"');
  const at = which === 'first' ? lines.findIndex(isCheckpoint) : lines.findLastIndex(isCheckpoint);
  if (at >= 0) bucket.set(key, lines.with(at, spoilSignature(lines[at] ?? '')).join('\n'));
}

const key = formatVkey('fleet', edKey.noteKey);
const givenKey = async () => createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
const env = { source: 'env', keys: { getKey: givenKey, recoverKey: givenKey }, named: [{ name: 'audit' }] } as const;

/** What a verification of everything at once says of each stream, with the checkpoints that are remembered. */
async function wholeVerdicts(
  bucket: MemoryStorage,
  options: Pick<VerifyOptions, 'origin' | 'publicKeys' | 'dataKeys'>,
): Promise<ReadonlyMap<string, Verdict>> {
  const client = bucket.another();
  const held = bucket.keys().flatMap((name) => {
    const id = /^memory\/(.*)\.json$/.exec(name)?.[1];
    if (id === undefined) return [];
    const { streams } = parseRemembered(bucket.text(name) ?? '', id, name);
    return streams.flatMap(({ first, newest }) => [first, newest].flatMap((note) => note ?? []));
  });
  const objects: { key: string; size: number; version: string; named: boolean }[] = [];
  for await (const page of client.list('logs/')) objects.push(...page.map((object) => ({ ...object, named: false })));
  const policy = {
    streams: [
      {
        origin: 'fleet/*',
        min: 1,
        records: 'hash',
        require: [],
        dataKeys: [],
        publicKeys: [],
        pins: [],
        wholeRequired: false,
        end: { until: new Date(0) },
        manifestRequired: false,
        accept: DEFAULT_ACCEPTANCE,
      },
    ],
  } as const;
  const stored = [{ storage: client, list: async () => objects }];
  const { streams } = await verify({ ...options, policy, paths: [], stored, held });
  return new Map(streams.map(({ origin, verdict }) => [origin, verdict]));
}

/** Streams of one family are judged together: an audit may know whose a file is of which nothing else says it. */
function unsound(whole: ReadonlyMap<string, Verdict>, results: readonly StreamResult[]): string[] {
  const bad = results.filter(({ verdict }) => verdict !== 'ok').map(({ stream }) => familyOf(stream));
  return [...whole].flatMap(([origin, verdict]) => {
    const isSound = verdict === 'ok' || (origin === '' ? bad.length > 0 : bad.includes(familyOf(origin)));
    return isSound ? [] : [`${origin}: ${verdict}`];
  });
}

/** Streams of families that are called tampered, of which nothing is tampered in a verification of everything. */
function unjust(whole: ReadonlyMap<string, Verdict>, results: readonly StreamResult[]): string[] {
  const tampered = [...whole].flatMap(([origin, verdict]) => (verdict === 'tampered' ? familyOf(origin) : []));
  return results.flatMap(({ stream, result, verdict, findings }) =>
    verdict !== 'tampered' || tampered.includes(familyOf(stream))
      ? []
      : [`${stream}: ${result} ${verdict} ${findings.map(({ code }) => code).join(' ')}`],
  );
}

/** Puts files there, but not those that are there as they were put before. */
function put(bucket: MemoryStorage, files: Files): void {
  for (const [name, bytes] of files)
    if (bucket.text(`logs/${name}`) !== bytes.toString('utf8')) bucket.set(`logs/${name}`, bytes);
}

const byProvider = { source: provider.source, versionSeparator: ':v', keys: provider, named: [{ name: 'audit' }] };

const kinds: readonly [
  string,
  typeof bothKeys | typeof macKeys | typeof signKeys,
  (name: string) => Growing | Promise<Growing>,
][] = [
  ['signed', signKeys, (name) => rotated(name, signKeys)],
  ['with a data key', macKeys, (name) => rotated(name, macKeys)],
  ['both', bothKeys, (name) => rotated(name, bothKeys)],
  ['restarting', signKeys, restarting],
  ['with late checkpoints', signKeys, late],
  ['of a new name for each file', signKeys, chained],
  ['as the writer leaves it', macKeys, written],
];

describe.each(kinds)('a stream %s', (_, keys, make) => {
  it('is ok when nothing is done to it, and mostly not when something is', async () => {
    const stream = await make('stream');
    const other = rotated('other', keys);
    const publicKeys = 'signers' in keys ? [key] : [];
    const options = { origin: 'fleet/*', publicKeys, dataKeys: [env, byProvider] } as const;
    // one of the streams has the time of this run, and none has stopped
    const asked = { options, now: new Date(Date.now() + 60_000), stoppedAfterMs: 36_500 * DAY };
    const problems: string[] = [];
    let found = 0;
    let left = 0;
    const round = async (name: string, when: readonly [boolean, boolean], act: (bucket: MemoryStorage) => void) => {
      const fleet = fleetInBucket();
      const { bucket } = fleet;
      put(bucket, stream.before);
      put(bucket, other.before);
      const [auditedBefore, grown] = when;
      if (auditedBefore) {
        const { said } = await auditFleet(fleet, asked);
        expect(said.filter((line) => !/: new ok whole$/.test(line))).toEqual([]);
      }
      act(bucket);
      if (grown)
        for (const [file, bytes] of stream.after) if (!stream.before.has(file)) bucket.set(`logs/${file}`, bytes);
      const whole = await wholeVerdicts(bucket, options);
      const { results } = await auditFleet(fleet, asked);
      found += results.filter(({ verdict }) => verdict !== 'ok').length;
      left += results.filter(({ stream: one, verdict, checked }) => {
        return one !== 'fleet/other' && verdict === 'ok' && checked !== 'whole' && when[0];
      }).length;
      problems.push(...unsound(whole, results).map((problem) => `${name}: ${problem}`));
      problems.push(...unjust(whole, results).map((problem) => `${name}: unjust: ${problem}`));
      const again = await auditFleet(fleet, asked);
      problems.push(...unsound(whole, again.results).map((problem) => `${name}, again: ${problem}`));
    };
    for (const when of [
      [false, false],
      [true, false],
      [true, true],
    ] as const) {
      for (const file of stream.before.keys()) {
        for (const [name, manipulate] of Object.entries(manipulations)) {
          await round(`${file} ${name} ${when.join()}`, when, (bucket) =>
            manipulate(bucket, `logs/${file}`, other.before),
          );
        }
      }
    }
    // what it had already goes on as well
    await round('grown', [true, false], (bucket) => put(bucket, stream.after));
    for (const file of stream.after.keys()) {
      for (const [name, manipulate] of Object.entries(manipulations)) {
        await round(`grown, ${file} ${name}`, [true, false], (bucket) => {
          put(bucket, stream.after);
          manipulate(bucket, `logs/${file}`, other.before);
        });
      }
    }
    expect(problems).toEqual([]);
    expect(found).toBeGreaterThan(20);
    expect(left).toBeGreaterThan(0);
  }, 300_000);
});

/** Where a fleet is put as it is in memory, and audited. */
interface Mirror extends Pick<FleetFiles, 'place' | 'memory' | 'settle' | 'close'> {
  write(name: string, bytes: Buffer): unknown;
  remove(name: string): unknown;
}

const places: readonly [string, () => Mirror | Promise<Mirror>][] = [
  ['a directory', fleetOnDisk],
  ...objectStores.map(({ scheme, server, make }): [string, () => Promise<Mirror>] => [
    scheme,
    async () => {
      const bucket = await make(running(server).url, 'manipulated');
      Object.assign(process.env, bucket.env);
      const storage = await openStorage(parseLocation(bucket.name));
      return {
        place: new StoragePlace(storage, 'logs', 2 ** 30),
        memory: new StorageMemory(storage, 'memory'),
        write: async (name, bytes) =>
          storage.put(`logs/${name}`, bytes, (await storage.get(`logs/${name}`, 2 ** 20))?.version),
        remove: (name) => bucket.remove(`logs/${name}`),
        settle: async () => undefined,
        close: () => storage.close(),
      };
    },
  ]),
];

it.each(places)('of over 100 manipulations in one fleet, all are found in %s, and nothing else', async (_, open) => {
  const fleet = fleetInBucket();
  const { bucket } = fleet;
  const there = await open();
  onTestFinished(() => there.close());
  const mirrored = new Map<string, string>();
  const mirror = async (): Promise<void> => {
    const gone = new Set(mirrored.keys());
    for await (const page of bucket.list('logs/')) {
      for (const { key: name, version } of page) {
        gone.delete(name);
        if (mirrored.get(name) !== version) await there.write(name.slice('logs/'.length), bucket.bytes(name));
        mirrored.set(name, version);
      }
    }
    for (const name of gone) await there.remove(name.slice('logs/'.length));
  };
  // a key is that of a stream here: those with a data key alone have none
  const publicKeys: string[] = [];
  const options = { origin: 'fleet/*', publicKeys, dataKeys: [env, byProvider] } as const;
  const asked = { options, now: new Date(Date.now() + 60_000), stoppedAfterMs: 36_500 * DAY };
  /** Its results that are not ok, from an audit of the same in memory too. */
  const badNow = async (): Promise<string[]> => {
    const [inMemory, here] = [await auditFleet(fleet, asked), await auditFleet(there, asked)].map(({ results }) =>
      results
        .filter(({ verdict }) => verdict !== 'ok')
        // of files that belong to no stream the first that were found are shown
        .map(({ stream, verdict, findings }) =>
          stream === '' ? `${stream} ${verdict}` : `${stream} ${verdict} ${findings.map(({ code }) => code).join()}`,
        )
        .sort(),
    );
    expect(here).toEqual(inMemory);
    return here ?? [];
  };
  const acts = Object.values(manipulations);
  const planted: (() => void)[] = [];
  for (const [kind, [, keys, make]] of [...kinds, ...kinds.slice(0, 1)].entries()) {
    const untouched = await make(`${kind}-untouched`);
    for (const [nth, act] of acts.entries()) {
      const stream = await make(`${kind}-${nth}`);
      put(bucket, stream.before);
      if ('signers' in keys) publicKeys.push(formatVkey(`fleet/${stream.name}`, edKey.noteKey));
      const files = [...stream.before.keys()].filter((file) => file.endsWith('.jsonl'));
      planted.push(() => act(bucket, `logs/${files[(nth + kind) % files.length]}`, untouched.before));
    }
    put(bucket, untouched.before);
    if ('signers' in keys) publicKeys.push(formatVkey(`fleet/${untouched.name}`, edKey.noteKey));
  }
  await mirror();
  expect(await badNow()).toEqual([]);
  for (const plant of planted) plant();
  await mirror();
  const whole = await wholeVerdicts(bucket, options);
  const found = (await badNow()).map((one) => one.split(' ')[0] as string);
  const families = (streams: Iterable<string>): string[] => [...new Set([...streams].map(familyOf))].sort();
  expect(families(found)).toEqual(families([...whole].flatMap(([one, verdict]) => (verdict === 'ok' ? [] : [one]))));
  expect(families(found).length).toBeGreaterThan(100);
  expect(found.filter((one) => one.includes('untouched'))).toEqual([]);
});
