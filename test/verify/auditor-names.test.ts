import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTamperError, TamperError } from '../../src/errors.ts';
import {
  createDataKey,
  type DataKey,
  type DataKeyName,
  type DataKeys,
  type KeySource,
  type VerifyReport,
} from '../../src/index.ts';
import { loadPolicy } from '../../src/verify/auditor/policy.ts';
import { dataKeyFinder } from '../../src/verify/data-keys/data-keys.ts';
import type { NamedDataKeys } from '../../src/verify/data-keys/named-data-keys.ts';
import { verify } from '../../src/verify/verify.ts';
import { runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, otherDataKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, signKeys } from '../vectors/logs.ts';

/** What a name, a range or a flag means for the keys of a stream: the same whatever the bytes come by. */

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'names-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

let made = 0;
/** A directory of its own with these files. */
function put(files: Readonly<Record<string, string | Buffer>>): string {
  const place = join(directory, String(++made));
  mkdirSync(place);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(place, name), bytes, { mode: 0o600 });
  return place;
}

const codes = (report: VerifyReport): string[] => report.findings.map(({ code }) => code);
const bytesOf = (log: SealedLog): Buffer => log.toFiles()[0]?.bytes ?? Buffer.alloc(0);
const hex = dataKey.toString('hex');
const wrap = (...ranges: readonly Range[]): string =>
  ranges
    .map(([from, until]) => `{ wrap: old, from_seq: ${from}${until === 0 ? '' : `, until_seq: ${until}`} }`)
    .join(', ');

type Range = readonly [from: number, until: number];

/** Two runs under one data key: key periods introduced by the entries 1 and 5. */
function twoRuns(origin = 'o/a'): SealedLog {
  const log = new SealedLog(origin).open(macKeys).seal().checkpoint().record('{"n":1}').close().checkpoint();
  return log.open(macKeys, { why: 'resumed' }).seal().checkpoint().record('{"n":2}').close().checkpoint();
}

function oneRun(origin: string, keys: Parameters<SealedLog['open']>[0]): SealedLog {
  return new SealedLog(origin).open(keys).seal().checkpoint().record('{"n":1}').close().checkpoint();
}

/** Every way in which the bytes of a data key come to `verify`. */
const ways: Readonly<
  Record<string, () => { readonly args: readonly string[]; readonly env?: Record<string, string> }>
> = {
  '--keys, the file': () => ({ args: ['--keys', join(put({ 'old.key': hex }), 'old.key')] }),
  '--keys, the file under another name': () => ({ args: ['--keys', join(put({ 'x.key': hex }), 'x.key')] }),
  '--keys, the file and another': () => {
    const place = put({ 'old.key': hex, 'other.key': otherDataKey.toString('hex') });
    return { args: ['--keys', join(place, 'other.key'), '--keys', join(place, 'old.key')] };
  },
  '--keys, a directory': () => ({ args: ['--keys', put({ 'old.key': hex })] }),
  '--keys, a directory with a copy': () => ({ args: ['--keys', put({ 'a.key': hex, 'old.key': hex, 'z.key': hex })] }),
  '--keys, a directory with other keys': () => {
    return { args: ['--keys', put({ 'a.key': otherDataKey.toString('hex'), 'old.key': hex })] };
  },
  '--key-env': () => ({ args: ['--key-env', 'SOME_KEY'], env: { SOME_KEY: hex } }),
  '--key-env with the name': () => ({ args: ['--key-env', 'old=SOME_KEY'], env: { SOME_KEY: hex } }),
  '--key-env and --keys': () => {
    return { args: ['--key-env', 'K', '--keys', put({ 'old.key': hex })], env: { K: hex } };
  },
  'the environment': () => ({ args: [], env: { FAPILOG_TAMPER_KEY: hex } }),
  'the environment, with the name': () => ({
    args: [],
    env: { FAPILOG_TAMPER_KEY: hex, FAPILOG_TAMPER_KEY_ID: 'old' },
  }),
  'a configuration, the file': () => {
    const place = put({ 'k.key': hex });
    const text = `key_source: file\nkey_file_path: ${join(place, 'k.key')}\nkey_id: old\n`;
    return { args: ['--config', join(put({ 'tamper.yaml': text }), 'tamper.yaml')] };
  },
  'a configuration, a directory': () => {
    const text = `key_source: file\nkey_file_path: ${put({ 'old.key': hex })}\n`;
    return { args: ['--config', join(put({ 'tamper.yaml': text }), 'tamper.yaml')] };
  },
  'option flags': () => ({
    args: ['--key-source', 'file', '--key-id', 'old', '--key-file-path', put({ 'old.key': hex })],
  }),
};

const ranges: readonly (readonly [title: string, ranges: readonly Range[], ok: boolean])[] = [
  ['without end', [[1, 0]], true],
  ['up to the last entry', [[1, 8]], true],
  ['up to the second run', [[1, 5]], false],
  [
    'in two parts',
    [
      [1, 4],
      [5, 0],
    ],
    true,
  ],
  ['up to the first run', [[1, 4]], false],
  ['up to its own first entry', [[1, 1]], false],
  ['from the second run on', [[5, 0]], false],
  ['beyond', [[2, 0]], false],
  [
    'with a hole',
    [
      [1, 1],
      [6, 0],
    ],
    false,
  ],
];

// M8.1
describe('a data key that the policy names', () => {
  const log = (): string => join(put({ 'log.jsonl': bytesOf(twoRuns()) }), 'log.jsonl');
  const policy = (keys: string, more = ''): string => {
    const text = `version: 1\nstreams:\n  - { origin: o/a, keys: [${keys}] }\n${more}`;
    return join(put({ 'policy.yaml': text }), 'policy.yaml');
  };

  for (const [way, bring] of Object.entries(ways)) {
    it.each(ranges)(`counts in its range alone, by ${way}: %s`, async (_, list, ok) => {
      const { args, env } = bring();
      const { code, stdout } = await runCommand(['verify', log(), '--policy', policy(wrap(...list)), ...args], {
        env: env ?? {},
      });
      expect(code, stdout).toBe(ok ? 0 : 2);
      if (!ok) expect(stdout).toContain('NO_KEY');
    });

    it(`counts for no other stream, by ${way}`, async () => {
      const { args, env } = bring();
      const more = '  - { origin: o/b, keys: [{ wrap: old }] }\n';
      const path = policy('{ wrap: new }', more);
      const { code, stdout } = await runCommand(['verify', log(), '--policy', path, '--origin', 'o/a', ...args], {
        env: env ?? {},
      });
      expect(code, stdout).toBe(2);
      expect(stdout).toContain('NO_KEY');
    });
  }

  it.each(Object.entries(ways))('counts everywhere where the policy names none, by %s', async (way, bring) => {
    const { args, env } = bring();
    const { code, stdout } = await runCommand(['verify', log(), '--policy', policy(''), ...args], { env: env ?? {} });
    expect(code, stdout).toBe(way === 'a configuration, a directory' ? 2 : 0); // there nothing names it
  });

  const makers = { 'whatever it is asked for': undefined, 'under its own name': 'old' };
  it.each(Object.entries(makers))('counts in its range alone, by a provider that gives it %s', async (_, only) => {
    const getKey = async (name: string): Promise<DataKey> => {
      if (only !== undefined && name !== only) throw new TamperError('KEY_NOT_FOUND', 'none');
      return createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
    };
    for (const name of only === undefined ? ['old', 'new', 'x'] : ['old']) {
      for (const [title, list, ok] of ranges) {
        const path = policy(`${wrap(...list)}, { wrap: new, from_seq: 5 }`);
        const dataKeys = [
          {
            source: 'env',
            keys: { getKey, recoverKey: async (_: unknown, id: string) => getKey(id) },
            named: [{ name }],
          },
        ];
        const report = await verify({ paths: [log()], policy: await loadPolicy(path), dataKeys });
        // under the name `new` it is another key of the policy; under `x` it may be either
        const expected = name === 'old' && ok;
        expect(report.verdict === 'ok', `${name} ${title}`).toBe(expected);
      }
    }
  });

  it('is told from its successor by its bytes', async () => {
    const next = new SealedLog('o/a').open(macKeys).seal().checkpoint().record('{"n":1}').close().checkpoint();
    next.open({ dataKey: nextDataKey }, { why: 'resumed' }).seal().checkpoint().record('{"n":2}').close().checkpoint();
    const honest = join(put({ 'log.jsonl': bytesOf(next) }), 'log.jsonl');
    const keys = put({ 'old.key': hex, 'new.key': nextDataKey.toString('hex') });
    const path = policy('{ wrap: old, until_seq: 4 }, { wrap: new, from_seq: 5 }');
    const env = { OLD: hex, NEW: nextDataKey.toString('hex') };
    for (const args of [
      ['--keys', keys],
      ['--key-env', 'old=OLD', '--key-env', 'new=NEW'],
    ]) {
      expect((await runCommand(['verify', honest, '--policy', path, ...args], { env })).code).toBe(0);
      expect((await runCommand(['verify', log(), '--policy', path, ...args], { env })).code).toBe(2);
    }
    const unnamed = ['--key-env', 'OLD', '--key-env', 'NEW'];
    expect((await runCommand(['verify', log(), '--policy', path, ...unnamed], { env })).code).toBe(2);
    const undecided = await runCommand(['verify', honest, '--policy', path, ...unnamed], { env });
    expect(undecided.code).toBe(2);
    expect(undecided.stdout).toContain('give it under the name that the policy uses');
  });
});

describe('a wrapped data key', () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1';
  const material = Buffer.from(dataKey);
  const reference = {
    records: 'mac',
    source: 'aws-kms' as KeySource,
    identity: `${arn}#1`,
    nonce: Buffer.alloc(32, 1),
    fp: Buffer.alloc(32, 2),
    wrapped: Buffer.from('wrapped'),
  } as const;
  /** The service knows the key by its ARN and by two aliases. */
  const keys: DataKeys = {
    getKey: async () => Promise.reject(new Error('asked for a new key')),
    recoverKey: async (_, name) => {
      if (![arn, `${arn}#1`, 'alias/audit', 'alias/old'].includes(name)) throw new TamperError('KEY_NOT_NAMED', name);
      return createDataKey({ material: Buffer.from(material), source: 'aws-kms', identity: arn });
    },
  };
  const names = [arn, `${arn}#1`, 'alias/audit'];
  const found = async (named: DataKeyName[], policy: DataKeyName[], firstSeq: number): Promise<boolean> => {
    const all: NamedDataKeys[] = [{ source: 'aws-kms', keys, named }];
    const key = await dataKeyFinder(all, policy)(reference, { origin: 'o', kid: 'AAAAAAAA.1', epoch: 1, firstSeq });
    if (key === undefined || 'refused' in key) return false;
    key.erase();
    return true;
  };

  // M8.1
  it.each(names)(
    'that the policy calls %s counts in that range alone, whatever other names it goes by',
    async (name) => {
      for (const own of [...names, 'alias/old']) {
        for (const [title, list] of ranges) {
          const policy = list.map(([fromSeq, until]) => ({ name, fromSeq, ...(until > 0 && { untilSeq: until }) }));
          for (const at of [1, 2, 4, 5, 6, 99]) {
            const inRange = list.some(([from, until]) => at >= from && (until === 0 || at <= until));
            expect(await found([{ name: own }], policy, at), `${own}, ${title}, at ${at}`).toBe(inRange);
            expect(await found([], policy, at), `${title}, at ${at}`).toBe(inRange);
          }
        }
      }
    },
  );

  it('of another name counts as the options say', async () => {
    const policy = [{ name: `${arn}0`, untilSeq: 4 }];
    expect(await found([{ name: arn }], policy, 5)).toBe(true);
    expect(await found([{ name: arn, untilSeq: 4 }], policy, 5)).toBe(false);
  });
});

describe('a policy with several parts for a stream', () => {
  const path = (): string => join(put({ 'log.jsonl': bytesOf(oneRun('o/pay', macKeys)) }), 'log.jsonl');
  const strict = 'records: mac, require: [mac, signature]';

  it.each([
    ['o/pay', 'o/pay*'],
    ['o/pay', 'o/*'],
    ['o/pay*', 'o/*'],
    ['o/pay*', 'o*'],
  ])('takes %s before %s', async (near, far) => {
    for (const [first, second] of [
      [near, far],
      [far, near],
    ] as const) {
      const of = (origin: string): string =>
        `  - { origin: "${origin}", min: 0${origin === near ? `, ${strict}` : ''} }\n`;
      const text = `version: 1\nstreams:\n${of(first)}${of(second)}`;
      const policy = await loadPolicy(join(put({ 'policy.yaml': text }), 'policy.yaml'));
      const make = async () => createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
      const dataKeys = [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }];
      const report = await verify({ paths: [path()], policy, dataKeys });
      expect(codes(report)).toContain('UNSIGNED');
    }
  });

  it('is refused where two parts have one name', async () => {
    const text = 'version: 1\nstreams:\n  - { origin: o/pay, records: mac }\n  - { origin: o/pay }\n';
    const error: unknown = await loadPolicy(join(put({ 'policy.yaml': text }), 'policy.yaml')).catch(
      (one: unknown) => one,
    );
    expect(isTamperError(error, 'POLICY_INVALID')).toBe(true);
  });
});

// M8.17
describe('a verifier key', () => {
  const a = vkeyOf('o/a', edKey);
  const b = vkeyOf('o/b', nextEdKey);
  const logs = (): string => {
    // o/b as the holder of o/a's key would make it
    return put({ 'a.jsonl': bytesOf(oneRun('o/a', signKeys)), 'b.jsonl': bytesOf(oneRun('o/b', signKeys)) });
  };
  const verdicts = (report: VerifyReport): Record<string, string> =>
    Object.fromEntries(report.streams.map(({ origin, verdict }) => [origin, verdict]));

  it.each(['o/*', 'o/a, o/b'])('counts for the stream that it is named for: %s', async (list) => {
    const origin = list.split(', ');
    const report = await verify({ paths: [logs()], origin, publicKeys: [a, b] });
    expect(verdicts(report)).toEqual({ 'o/a': 'ok', 'o/b': 'undecided' });
    expect(report.findings.find(({ code }) => code === 'NO_KEY')?.message).toContain(
      `you named its signer for the stream o/a only. If it also signs for this one, name ${vkeyOf('o/b', edKey)}`,
    );
    const named = [a, vkeyOf('o/b', edKey)];
    expect(verdicts(await verify({ paths: [logs()], origin, publicKeys: named }))).toEqual({
      'o/a': 'ok',
      'o/b': 'ok',
    });
  });

  it.each(['o/*', 'o*'])(
    'of a policy for %s does not count for another stream, also where a flag brings it',
    async (pattern) => {
      const text = `version: 1\nstreams:\n  - { origin: "${pattern}", keys: [{ sign: "${a}" }, { sign: "${b}" }] }\n`;
      const policy = await loadPolicy(join(put({ 'policy.yaml': text }), 'policy.yaml'));
      for (const publicKeys of [[], [vkeyOf('*', edKey)], [{ vkey: vkeyOf('o/b', edKey) }]]) {
        const report = await verify({ paths: [logs()], policy, publicKeys });
        expect(verdicts(report)).toEqual({ 'o/a': 'ok', 'o/b': 'undecided' });
      }
      const confirmSigner = async (): Promise<boolean> => true; // the configured key is this one
      const confirmed = await verify({ paths: [logs()], policy, confirmSigner });
      expect(verdicts(confirmed)).toEqual({ 'o/a': 'ok', 'o/b': 'undecided' });
    },
  );

  it('counts for the streams that continue its own, and for no lane below it', async () => {
    const chained = 'o/a/20261124T230000Z-0123abcd';
    const files = [
      'o/a',
      chained,
      `${chained}/20261124T230000Z-4567abcd`,
      'o/a/lane',
      'o/ab',
      'o/a/20261124T230000Z-0123',
    ];
    const place = put(
      Object.fromEntries(files.map((origin, at) => [`${at}.jsonl`, bytesOf(oneRun(origin, signKeys))])),
    );
    const report = await verify({ paths: [place], origin: 'o/*', publicKeys: [a] });
    const ok = report.streams.filter(({ verdict }) => verdict === 'ok').map(({ origin }) => origin);
    expect(ok).toEqual(files.slice(0, 3));
  });

  it.each(['*', 'other.example.com/x', 'key', 'o'])('under a name of no stream counts for all: %s', async (name) => {
    const report = await verify({ paths: [logs()], origin: 'o/*', publicKeys: [vkeyOf(name, edKey)] });
    expect(verdicts(report)).toEqual({ 'o/a': 'ok', 'o/b': 'ok' });
  });

  it('as a PEM counts for every stream, whatever the pattern', async () => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${edKey.signer.spki?.toString('base64') ?? ''}\n-----END PUBLIC KEY-----\n`;
    const path = join(put({ 'key.pem': pem }), 'key.pem');
    for (const origin of ['o/*', '*']) {
      const result = await runCommand(['verify', logs(), '--origin', origin, '--public-key', path]);
      expect(result.code, result.stdout).toBe(0);
    }
  });

  it('counts in the range of the policy alone, also where a flag or the configuration brings it', async () => {
    const log = new SealedLog('o/a').open(signKeys).seal().checkpoint().record('{"n":1}').close().checkpoint();
    log.open(signKeys, { why: 'resumed' }).seal().checkpoint().record('{"n":2}').close().checkpoint();
    const paths = [join(put({ 'log.jsonl': bytesOf(log) }), 'log.jsonl')];
    for (const [title, list, ok] of ranges) {
      const keys = list.map(([from, until]) => {
        return `{ sign: "${a}", from_seq: ${from}${until === 0 ? '' : `, until_seq: ${until + 3}`} }`; // sizes: 2, 4, 6, 8
      });
      const text = `version: 1\nstreams:\n  - { origin: o/a, keys: [${keys.join(', ')}] }\n`;
      const policy = await loadPolicy(join(put({ 'policy.yaml': text }), 'policy.yaml'));
      const alone = await verify({ paths, policy });
      const flags = [[a], [vkeyOf('*', edKey)], [{ vkey: a, untilSeq: 99 }]];
      for (const publicKeys of flags) {
        const report = await verify({ paths, policy, publicKeys, confirmSigner: async () => true });
        expect([report.verdict, codes(report)], title).toEqual([alone.verdict, codes(alone)]);
      }
      if (ok) expect(alone.verdict, title).toBe('ok');
    }
  });
});

// M8.14
describe('public keys none of which signs the log', () => {
  it('are a demand that MACs do not meet', async () => {
    const paths = [join(put({ 'log.jsonl': bytesOf(oneRun('o/a', bothKeys)) }), 'log.jsonl')];
    const make = async () => createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });
    const dataKeys = [{ source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name: 'audit' }] }];
    const run = async (publicKeys: string[]) => verify({ paths, origin: 'o/a', dataKeys, publicKeys });
    expect((await run([])).verdict).toBe('ok');
    expect((await run([vkeyOf('o/a', edKey)])).verdict).toBe('ok');
    expect((await run([vkeyOf('o/a', nextEdKey), vkeyOf('o/a', edKey)])).verdict).toBe('ok');
    const stranger = await run([vkeyOf('o/a', nextEdKey)]);
    expect(stranger.verdict).toBe('undecided');
    expect(codes(stranger)).toContain('UNSIGNED');
  });
});
