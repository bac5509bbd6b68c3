import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RecoveryPlace, recoverKeys } from '../../src/api/recovery/recover-keys.ts';
import { formatRecoveredKeys, parseRecoveredKeys } from '../../src/api/recovery/recovered-key-file.ts';
import {
  auditorKeys,
  createSealer,
  type DataKey,
  loadPolicy,
  type RecoveryReport,
  type VerifyReport,
  verify,
} from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';

/** Data keys that a key service unwraps once: what is asked, what is written, and what it then proves without the service. */

const origin = 'audit.example.com/recovered';
let directory = '';
let file = '';
let out = '';
let service: MemoryProvider;
/** Every data key that the writer was given, in every spelling. */
let secrets: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'recovered-keys-'));
  file = join(directory, 'audit.jsonl');
  out = join(directory, 'recovered.keys');
  service = new MemoryProvider({ keyIds: ['audit', 'next', 'sign'] });
  secrets = [];
});
afterEach(async () => {
  await service.close();
  rmSync(directory, { recursive: true });
});

/** The service, noting what it gives out: no test may find it anywhere but in the file of keys. */
function noting(): MemoryProvider {
  return new Proxy(service, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        const result: unknown = await Reflect.apply(value, target, args);
        if (name === 'getKey') {
          const { material } = result as DataKey;
          for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const)
            secrets.push(material.toString(encoding));
        }
        return result;
      };
    },
  });
}

/** One run of the writer: each has a key period of its own. */
async function run(options: Partial<Parameters<typeof createSealer>[0]> = {}): Promise<void> {
  const own = { keySource: 'custom', keyProviderModule: 'unused', keyId: 'audit', keyProvider: noting() } as const;
  const sealer = createSealer({ file, origin, stateDir: join(directory, 'state'), ...own, ...options });
  for (let n = 1; n <= 5; n++) sealer.write(`{"n":${n}}`);
  await sealer.close();
}

const place = (...names: string[]): RecoveryPlace => ({
  dataKeys: [{ source: 'memory', versionSeparator: ':v', keys: service, named: names.map((name) => ({ name })) }],
  recoveredKeys: [],
});
const recover = (
  places: RecoveryPlace[] = [place('audit')],
  more: Partial<Parameters<typeof recoverKeys>[0]> = {},
): Promise<RecoveryReport> => recoverKeys({ paths: [file], origin: [origin], places, out, ...more });
const outcomes = ({ periods }: RecoveryReport): string[] => periods.map(({ outcome }) => outcome);
const offline = (keyFile = out, policy?: string): Promise<VerifyReport> =>
  verify({ paths: [file], origin, keys: auditorKeys({ dataKeyFiles: [keyFile] }), ...(policy && { policy }) });
const faults = ({ findings }: VerifyReport): string[] =>
  findings.filter(({ severity }) => severity !== 'warning').map(({ code, seq }) => `${code} ${seq}`);

describe('a log of several key periods', () => {
  beforeEach(async () => {
    await run();
    service.rotate('audit');
    await run();
    await run();
  });

  it('is ok with the file alone, after the service was asked once for each key period, and then never', async () => {
    const report = await recover();
    expect(outcomes(report)).toEqual(['recovered', 'recovered', 'recovered']);
    expect(report).toMatchObject({ out, complete: true, otherStreams: 0, problems: [] });
    expect(service.calls('recoverKey')).toBe(3);
    service.faults.failWith('UNAVAILABLE');
    const verified = await offline();
    expect(faults(verified)).toEqual([]);
    expect(verified.verdict).toBe('ok');
    expect(service.calls('recoverKey')).toBe(3);
    const [stream] = verified.streams;
    expect(stream?.keys.map(({ checkedBy, dataKey }) => [checkedBy, dataKey?.givenBy])).toEqual(
      Array.from({ length: 3 }, () => [['mac'], out]),
    );
  });

  it('with the file, a changed record is found in each key period', async () => {
    await recover();
    const lines = readFileSync(file, 'utf8').split('\n');
    const records = lines.flatMap((line, at) => (line.startsWith('{"n":3') ? [at] : []));
    expect(records).toHaveLength(3);
    for (const at of records) {
      writeFileSync(file, lines.map((line, n) => (n === at ? line.replace('"n":3', '"n":4') : line)).join('\n'));
      const report = await offline();
      expect(report.verdict).toBe('tampered');
      expect(
        report.findings.filter(({ severity }) => severity === 'tampered').map(({ code, line }) => [code, line]),
      ).toEqual([['AUTH_WRONG', at + 1]]);
    }
  });

  it('only its owner may read the file, nothing else has a key, and the file has all of them', async () => {
    const report = await recover();
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const everything = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'recovered.keys')
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    const told = [...everything, JSON.stringify(report), JSON.stringify(await offline())].join('\n');
    expect(secrets).toHaveLength(12);
    for (const secret of secrets) expect(told.includes(secret)).toBe(false);
    const text = readFileSync(out, 'latin1');
    expect(secrets.filter((secret) => secret.length === 44 && text.includes(secret))).toHaveLength(3);
    chmodSync(out, 0o640);
    await expect(offline()).rejects.toMatchObject({ code: 'KEY_FILE_PERMISSIONS' });
  });

  it('one refused of three: the two others are written, the report says which and why, and the verdict is undecided there', async () => {
    let asked = 0;
    service.faults.decide((operation) => (operation === 'recoverKey' && ++asked === 2 ? 'ACCESS_DENIED' : undefined));
    const report = await recover();
    expect(outcomes(report)).toEqual(['recovered', 'refused', 'recovered']);
    expect(report.periods[1]).toMatchObject({ code: 'ACCESS_DENIED', identity: 'audit:v2', source: 'memory' });
    expect(report).toMatchObject({ out, complete: false });
    const verified = await offline();
    expect(verified.verdict).toBe('undecided');
    expect(faults(verified)).toEqual([`NO_KEY ${report.periods[1]?.firstSeq}`]);
    service.faults.heal();
    const again = await recover([{ dataKeys: [], recoveredKeys: [] }, place('audit')], { out: `${out}.2` });
    expect(outcomes(again)).toEqual(['recovered', 'recovered', 'recovered']);
  });

  it('a key that was destroyed is asked for once, the others are recovered', async () => {
    service.faults.decide((operation) => (operation === 'recoverKey' ? 'KEY_PENDING_DELETION' : undefined));
    const report = await recover();
    expect(outcomes(report)).toEqual(['refused', 'refused', 'refused']);
    expect(report.periods.map(({ code }) => code)).toEqual(Array(3).fill('KEY_PENDING_DELETION'));
    expect(service.calls('recoverKey')).toBe(2); // one for each version
    expect(report).not.toHaveProperty('out');
    expect(existsSync(out)).toBe(false);
  });

  it('a service that is away is not asked for ever', async () => {
    for (let more = 0; more < 20; more++) await run();
    service.faults.failWith('UNAVAILABLE');
    const before = service.calls('recoverKey');
    const report = await recover();
    expect(new Set(outcomes(report))).toEqual(new Set(['refused', 'not-asked']));
    expect(service.calls('recoverKey') - before).toBe(16);
    expect(existsSync(out)).toBe(false);
  });

  it('nobody is asked about a key that the auditor did not name', async () => {
    const report = await recover([place('next')]);
    expect(outcomes(report)).toEqual(['not-named', 'not-named', 'not-named']);
    expect(report.complete).toBe(false);
    expect(existsSync(out)).toBe(false);
  });

  it('a stream that the auditor did not name is left alone; a name that ends with * will do', async () => {
    const other = await recover(undefined, { origin: ['audit.example.com/other'] });
    expect(other).toMatchObject({ periods: [], otherStreams: 3, complete: false });
    expect(service.calls('recoverKey')).toBe(0);
    await expect(recover(undefined, { origin: [] })).rejects.toMatchObject({ code: 'USAGE' });
    expect(outcomes(await recover(undefined, { origin: ['audit.example.com/*'] }))).toEqual(Array(3).fill('recovered'));
  });

  it('a fingerprint that somebody changed does not get its key into the file', async () => {
    const text = readFileSync(file, 'utf8');
    const fp = /"fp":"([^"]+)"/.exec(text)?.[1] ?? '';
    writeFileSync(file, text.replaceAll(fp, randomBytes(32).toString('base64url')));
    const report = await recover();
    expect(outcomes(report)).toEqual(['wrong-key', 'recovered', 'recovered']);
    expect(report.complete).toBe(false);
    // with the keys of the log as it was, the change is found as the service would have it found
    writeFileSync(file, text);
    await recover(undefined, { out: `${out}.right` });
    writeFileSync(file, text.replaceAll(fp, randomBytes(32).toString('base64url')));
    const verified = await offline(`${out}.right`);
    expect(verified.verdict).toBe('tampered');
    expect(verified.findings.map(({ code }) => code)).toContain('FINGERPRINT_ALTERED');
  });

  it('a recovered key is of its stream and key period alone', async () => {
    await recover();
    const other = 'audit.example.com/recovered-too';
    const second = join(directory, 'second.jsonl');
    const sealer = createSealer({
      file: second,
      origin: other,
      stateDir: join(directory, 'state'),
      keyId: 'audit',
      keyProvider: service,
    });
    sealer.write('{"n":1}');
    await sealer.close();
    const report = await verify({ paths: [second], origin: other, keys: auditorKeys({ dataKeyFiles: [out] }) });
    expect(report.verdict).toBe('undecided');
    expect(faults(report)).toContain('NO_KEY 1');
  });

  it('a policy limits a recovered key as it limits the service', async () => {
    await recover();
    const policy = async (keys: string): Promise<VerifyReport> => {
      const path = join(directory, 'policy.yaml');
      writeFileSync(path, `version: 1\nstreams: [{ origin: ${origin}, keys: [${keys}] }]\n`);
      const kept = await offline(out, path);
      const asked = await verify({
        paths: [file],
        policy: path,
        keys: auditorKeys({ provider: service, dataKeys: ['audit'] }),
      });
      expect([kept.verdict, faults(kept)]).toEqual([asked.verdict, faults(asked)]);
      return kept;
    };
    expect((await policy('{ wrap: audit }')).verdict).toBe('ok');
    expect((await policy('{ wrap: "audit:v1", until_seq: 8 }, { wrap: "audit:v2" }')).verdict).toBe('ok');
    const until = await policy('{ wrap: audit, until_seq: 12 }');
    expect([until.verdict, faults(until)[0]]).toEqual(['undecided', 'NO_KEY 13']);
    expect((await policy('{ wrap: "audit:v2", from_seq: 12 }')).verdict).toBe('undecided');
  });
});

describe('what has no wrapped data key', () => {
  it('signing: there is nothing to recover, and nothing is missing', async () => {
    await run({ keyId: 'sign', useKmsSigning: true });
    const report = await recover();
    expect(report).toMatchObject({ complete: true, periods: [{ outcome: 'no-data-key', firstSeq: 1 }] });
    expect(existsSync(out)).toBe(false);
    expect(service.calls('recoverKey')).toBe(0);
  });

  it('a local key is with the auditor or missing, and never copied', async () => {
    const key = join(directory, 'audit.key');
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });
    const sealer = createSealer({
      file,
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'file',
      keyFilePath: key,
    });
    sealer.write('{"n":1}');
    await sealer.close();
    await run();
    const local = async (path: string): Promise<RecoveryPlace> => {
      const { dataKeysOfPaths } = await import('../../src/api/local-data-keys.ts');
      return { dataKeys: (await dataKeysOfPaths([path], () => path)).local, recoveredKeys: [] };
    };
    const without = await recover();
    expect(outcomes(without)).toEqual(['local', 'recovered']);
    expect(without.complete).toBe(false);
    rmSync(out);
    const wrong = join(directory, 'wrong.key');
    writeFileSync(wrong, randomBytes(32).toString('hex'), { mode: 0o600 });
    expect(outcomes(await recover([await local(wrong), place('audit')]))).toEqual(['local', 'recovered']);
    rmSync(out);
    const report = await recover([await local(key), place('audit')]);
    expect(outcomes(report)).toEqual(['held', 'recovered']);
    expect(report.complete).toBe(true);
    expect(readFileSync(out, 'latin1')).not.toContain(readFileSync(key).toString('base64'));
    const verified = await verify({ paths: [file], origin, keys: auditorKeys({ dataKeyFiles: [out, key] }) });
    expect(verified.verdict).toBe('ok');
  });
});

describe('the file', () => {
  beforeEach(() => run());

  it('is never made over another one, a link, or where nothing can be written; and nothing is asked then', async () => {
    writeFileSync(out, 'mine');
    await expect(recover()).rejects.toMatchObject({ code: 'WRITE_FAILED', message: expect.stringContaining('exists') });
    expect(readFileSync(out, 'utf8')).toBe('mine');
    const target = join(directory, 'target');
    for (const made of [false, true]) {
      if (made) writeFileSync(target, 'mine');
      const link = join(directory, `link-${made}`);
      symlinkSync(target, link);
      await expect(recover(undefined, { out: link })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(existsSync(target) && readFileSync(target, 'utf8')).toBe(made && 'mine');
    }
    await expect(recover(undefined, { out: join(directory, 'absent', 'x') })).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
    const closed = join(directory, 'closed');
    mkdirSync(closed, { mode: 0o500 });
    if (process.geteuid?.() !== 0) {
      await expect(recover(undefined, { out: join(closed, 'x') })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    }
    expect(readdirSync(closed)).toEqual([]);
    expect(service.calls('recoverKey')).toBe(0);
  });

  it('is refused wherever its writing was interrupted', async () => {
    await run();
    await recover();
    const { size } = statSync(out);
    for (let length = size - 1; length > 50; length -= 7) {
      truncateSync(out, length);
      await expect(offline(), `${length} of ${size} bytes`).rejects.toMatchObject({ code: 'KEY_MALFORMED' });
    }
  });

  it('takes no change: every byte of it, and every line twice or missing', async () => {
    await run();
    await recover();
    const bytes = readFileSync(out);
    const read = (changed: Buffer): string => {
      try {
        const keys = parseRecoveredKeys(changed, 'f');
        return formatRecoveredKeys(keys).equals(changed) ? 'another file in its one spelling' : 'taken';
      } catch (error) {
        return (error as { code?: string }).code ?? 'OTHER';
      }
    };
    expect(read(bytes)).toBe('another file in its one spelling');
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 32, 128]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ bit;
        expect(['KEY_MALFORMED', 'another file in its one spelling'], `byte ${at}, bit ${bit}`).toContain(
          read(changed),
        );
      }
    }
    const [head = '', first = '', second = ''] = bytes.toString('latin1').split('\n');
    const lines = (...parts: string[]): Buffer => Buffer.from(`${parts.join('\n')}\n`, 'latin1');
    expect(read(lines(head, first))).toBe('KEY_MALFORMED');
    expect(read(lines(head, first, first))).toBe('KEY_MALFORMED');
    expect(read(lines(head, first, second, second))).toBe('KEY_MALFORMED');
    expect(read(lines(head, first, ` ${second}`))).toBe('KEY_MALFORMED');
    expect(read(lines(head.replace('"version":1', '"version":2'), first, second))).toBe('KEY_MALFORMED');
  });

  it('a message about it quotes nothing of it', async () => {
    await recover();
    const text = readFileSync(out, 'latin1').replace('"origin"', '"orgin"');
    chmodSync(out, 0o600);
    writeFileSync(out, text);
    const error: unknown = await offline().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KEY_MALFORMED' });
    const said = `${String(error)} ${JSON.stringify(error)}`;
    for (const secret of secrets) expect(said).not.toContain(secret);
    expect(said).not.toContain('orgin');
  });

  it('may be given again: what it has, no service is asked for', async () => {
    await recover();
    await run();
    const { readRecoveredKeys } = await import('../../src/api/recovery/recovered-key-file.ts');
    const before = service.calls('recoverKey');
    const kept: RecoveryPlace = { dataKeys: [], recoveredKeys: await readRecoveredKeys(out, out) };
    const report = await recover([kept, place('audit')], { out: `${out}.next` });
    expect(outcomes(report)).toEqual(['recovered', 'recovered']);
    expect(service.calls('recoverKey') - before).toBe(1);
    expect((await offline(`${out}.next`)).verdict).toBe('ok');
  });
});

it('a policy names the streams and keys as well as flags do', async () => {
  await run();
  const path = join(directory, 'policy.yaml');
  writeFileSync(path, `version: 1\nstreams: [{ origin: ${origin}, keys: [{ wrap: audit, from_seq: 2 }] }]\n`);
  const policy = await loadPolicy(path);
  const nobody: RecoveryPlace = {
    dataKeys: [{ source: 'memory', versionSeparator: ':v', keys: service, named: [] }],
    recoveredKeys: [],
  };
  const report = await recoverKeys({ paths: [file], policy, places: [nobody], out });
  expect(outcomes(report)).toEqual(['not-counted']);
  expect(service.calls('recoverKey')).toBe(0);
});
