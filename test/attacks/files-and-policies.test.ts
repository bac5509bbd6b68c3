import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDataKey, createKeyProvider, createSealer, loadPolicy, originalLines } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type NamedDataKeys, verify } from '../support/verifying.ts';
import { dataKey, nextDataKey } from '../vectors/keys.ts';
import { macKeys, macLog } from '../vectors/logs.ts';

/** What files, policies and limits can make a verifier say. */

function folder(): (name: string, bytes: Buffer | string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'red-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return (name, bytes) => {
    const path = join(directory, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, bytes, { mode: 0o600 });
    return path;
  };
}

function named(material: Buffer, name = 'audit'): NamedDataKeys {
  const make = async () => createDataKey({ material: Buffer.from(material), source: 'env', identity: name });
  return { source: 'env', keys: { getKey: make, recoverKey: make }, named: [{ name }] };
}

const bytesOf = (log: SealedLog, file = 0): Buffer => log.toFiles()[file]?.bytes ?? Buffer.alloc(0);
const codes = (report: Awaited<ReturnType<typeof verify>>): string[] => report.findings.map(({ code }) => code);

describe('a policy', () => {
  it('names the data keys of each stream for that stream alone', async () => {
    const put = folder();
    const keys = { a: put('keys/a.key', `${'11'.repeat(32)}\n`), b: put('keys/b.key', `${'22'.repeat(32)}\n`) };
    const origins = { a: 'audit.example.com/a', b: 'audit.example.com/b' };
    const config = { keySource: 'file', keyFilePath: join(keys.a, '..') } as const;
    const paths: string[] = [];
    for (const origin of [origins.a, origins.b]) {
      const file = put(`${origin}.jsonl`, '');
      const stateDir = `${file}.state`;
      const sealer = createSealer({ ...config, keyId: 'a', file, origin, stateDir }); // b by who holds a's key
      sealer.write('{"event":1}\n');
      await sealer.close();
      paths.push(file);
    }
    const streams = (['a', 'b'] as const).map((key) => `  - { origin: ${origins[key]}, keys: [{ wrap: ${key} }] }`);
    const policy = await loadPolicy(put('policy.yaml', `version: 1\nstreams:\n${streams.join('\n')}\n`));
    const provider = await createKeyProvider(config);
    onTestFinished(async () => provider.close());
    const report = await verify({ paths, policy, keys: [provider] });
    expect(report.streams.map(({ origin, verdict }) => [origin, verdict])).toEqual([
      [origins.a, 'ok'],
      [origins.b, 'undecided'],
    ]);
  });

  it('demands that the log reaches a data key that it names from some entry on', async () => {
    const put = folder();
    const cut = macLog();
    const path = put('log.jsonl', bytesOf(cut));
    const text = `version: 1\nstreams:\n  - origin: ${cut.origin}\n    keys:\n      - { wrap: audit, until_seq: 20 }\n      - { wrap: next, from_seq: 21 }\n`;
    const policy = await loadPolicy(put('policy.yaml', text));
    const report = await verify({
      paths: [path],
      policy,
      dataKeys: [{ ...named(dataKey), named: [] }, named(nextDataKey)],
    });
    expect(report.verdict).toBe('undecided');
    expect(codes(report)).toContain('END_UNPROVEN');
  });
});

describe('a line that is too long', () => {
  it('leaves mixed streams undecided too', async () => {
    const log = macLog();
    const path = folder()(
      'log.jsonl',
      Buffer.concat([bytesOf(log), Buffer.alloc(17 * 2 ** 20, 'a'), Buffer.from('\n')]),
    );
    const report = await verify({ paths: [path], origin: log.origin, dataKeys: [named(dataKey)], demux: true });
    expect(report.verdict).toBe('undecided');
    expect(codes(report)).toContain('LIMIT');
    const problems: string[] = [];
    const lines: string[] = [];
    await originalLines({
      paths: [path],
      input: Readable.from([]),
      onPiece: (line) => void lines.push(line.toString()),
      onProblem: (_file, message) => problems.push(message),
    });
    expect([lines.length, problems.length]).toEqual([10, 1]);
    const other = await verify({ paths: [path], origin: 'other.example.com/*', demux: true });
    expect(other.verdict).toBe('undecided');
  });
});

describe('an honest log', () => {
  it('is not tampered with because its reader stopped at a limit, or its copy is cut', async () => {
    const put = folder();
    const records = Array.from({ length: 900 }, (_, at) => `{"n":${at},"pad":"${'x'.repeat(3000)}"}`);
    const log = new SealedLog()
      .open(macKeys)
      .seal()
      .checkpoint()
      .record(...records)
      .close('rotated')
      .checkpoint();
    log.rotate('log.2.jsonl').record('2').close().checkpoint();
    const first = gzipSync(bytesOf(log));
    const paths = [put('log.gz', first), put('log.2.gz', gzipSync(bytesOf(log, 1)))];
    const known = { origin: log.origin, dataKeys: [named(dataKey)], held: [log.note()] };
    expect((await verify({ paths, ...known })).verdict).toBe('ok');
    for (const demux of [false, true]) {
      const limited = await verify({ paths, ...known, maxBytes: 2 ** 21, demux });
      expect(limited.verdict, codes(limited).join()).toBe('undecided');
    }
    const damaged = [put('cut.gz', first.subarray(0, first.length - 10)), ...paths.slice(1)];
    expect((await verify({ paths: damaged, ...known })).verdict).toBe('undecided');
  });
});
