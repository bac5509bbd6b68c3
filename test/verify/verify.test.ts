import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { createDataKey, type DataKeys, loadPolicy } from '../../src/index.ts';
import { loadKnown, saveKnown } from '../../src/verify/auditor/known.ts';
import { advanceAll } from '../../src/verify/auditor/known-streams.ts';
import { type NamedDataKeys, verify } from '../support/verifying.ts';

const samples = fileURLToPath(new URL('../samples/', import.meta.url));
const ORIGIN = 'audit.example.com/payments/go-1';
const KEY = '8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35';
const VKEY = `${ORIGIN}+5e19d47f+ATi0bBpWWqYBjAzyh9TMw4nckT0+WQdRhg8jEO6JfctM`;

function localKey(hex: string): DataKeys {
  const make = async () => createDataKey({ material: Buffer.from(hex, 'hex'), source: 'file', identity: 'any' });
  return { getKey: make, recoverKey: make };
}

function named(hex: string, name = 'audit-2026'): NamedDataKeys {
  return { source: 'file', keys: localKey(hex), named: [{ name }] };
}

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'verify-'));
}

describe('verify', () => {
  it('names no stream by itself', async () => {
    await expect(verify({ paths: [`${samples}h01-mac.jsonl`] })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('says which path does not exist', async () => {
    const missing = join(folder(), 'absent.jsonl');
    await expect(verify({ paths: [missing], origin: ORIGIN })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('tells local keys apart by the fingerprint, whatever they are called', async () => {
    const dataKeys = [named('11'.repeat(32), 'other'), named(KEY, 'mine')];
    const report = await verify({ paths: [`${samples}h01-mac.jsonl`], origin: ORIGIN, dataKeys });
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]?.keys[0]).toMatchObject({ checkedBy: ['mac'], dataKey: { identity: 'audit-2026' } });
  });

  it('goes on with a wrong key and says so', async () => {
    const report = await verify({
      paths: [`${samples}h01-mac.jsonl`],
      origin: ORIGIN,
      dataKeys: [named('11'.repeat(32))],
    });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toContain('WRONG_KEY');
  });

  it('reads standard input', async () => {
    const input = Readable.from([readFileSync(`${samples}h02-ed25519.jsonl`)]);
    expect(await verify({ paths: ['-'], input, origin: ORIGIN, publicKeys: [VKEY] })).toMatchObject({ verdict: 'ok' });
  });

  it('reports a file of a stream that nobody named', async () => {
    const report = await verify({ paths: [`${samples}h02-ed25519.jsonl`], origin: ['a.example/x', 'a.example/y'] });
    expect(report.verdict).toBe('undecided');
    expect(report.streams.map(({ origin }) => origin)).toEqual(['', 'a.example/x', 'a.example/y']);
  });

  it('takes a pattern for streams whose name begins so', async () => {
    const paths = [`${samples}h02-ed25519.jsonl`];
    const report = await verify({ paths, origin: 'audit.example.com/*', publicKeys: [VKEY] });
    expect(report).toMatchObject({ verdict: 'ok', streams: [{ origin: ORIGIN }] });
    const other = await verify({ paths, origin: 'audit.example.org/*', publicKeys: [VKEY] });
    expect(other.verdict).toBe('undecided');
  });

  it('separates streams that a pipe has mixed', async () => {
    const one = readFileSync(`${samples}h02-ed25519.jsonl`, 'utf8').split('\n').filter(Boolean);
    const foreign = readFileSync(`${samples}t29-foreign-tag.jsonl`, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('ftE2xJrV') && line.includes('"key_id"'));
    expect(foreign.length).toBeGreaterThan(0);
    const mixed = join(folder(), 'mixed.jsonl');
    writeFileSync(mixed, `${[one[0], ...foreign, ...one.slice(1)].join('\n')}\n`);
    const options = { paths: [mixed], origin: ORIGIN, publicKeys: [VKEY] };
    expect((await verify({ ...options, demux: true })).verdict).toBe('ok');
    expect((await verify(options)).findings.map(({ code }) => code)).toContain('FOREIGN_TAG');
  });

  it('ends at a line above 16 MiB without deciding, in bounded memory', async () => {
    const bomb = join(folder(), 'bomb.jsonl.gz');
    const log = readFileSync(`${samples}h02-ed25519.jsonl`);
    writeFileSync(bomb, Buffer.concat([gzipSync(log), gzipSync(Buffer.alloc(40 * 1024 * 1024, 0x20))]));
    const report = await verify({ paths: [bomb], origin: ORIGIN, publicKeys: [VKEY] });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toContain('LIMIT');
  });

  it('stops a compressed file that expands beyond the limit', async () => {
    const path = join(folder(), 'big.jsonl.gz');
    writeFileSync(path, gzipSync(Buffer.alloc(1_000_000, 0x0a)));
    const report = await verify({ paths: [path], origin: ORIGIN, maxBytes: 10_000 });
    expect(report.findings.map(({ code }) => code)).toContain('LIMIT');
  });

  it('says that a compressed file is cut', async () => {
    const path = join(folder(), 'cut.jsonl.gz');
    writeFileSync(path, gzipSync(readFileSync(`${samples}h02-ed25519.jsonl`)).subarray(0, -20));
    const report = await verify({ paths: [path], origin: ORIGIN, publicKeys: [VKEY] });
    expect(report.findings.map(({ code }) => code)).toContain('UNREADABLE');
    expect(report.verdict).toBe('undecided');
  });

  it.each([
    Buffer.alloc(0),
    Buffer.from('\n\n\n'),
    Buffer.from([0, 1, 2, 3, 255, 10, 10, 0]),
    Buffer.from('{"integrity":{}}\n'),
    Buffer.from(`${'{"integrity":'.repeat(2000)}\n`),
  ])('never calls a file that is no log ok (%#)', async (bytes) => {
    const path = join(folder(), 'audit.jsonl');
    writeFileSync(path, bytes);
    expect((await verify({ paths: [path], origin: ORIGIN, publicKeys: [VKEY] })).verdict).not.toBe('ok');
  });

  it('warnings are undecided where the auditor is strict', async () => {
    const options = { paths: [`${samples}h01-mac.jsonl`], origin: ORIGIN, dataKeys: [named(KEY)] };
    expect((await verify(options)).verdict).toBe('ok');
    expect((await verify({ ...options, strict: true })).verdict).toBe('undecided');
  });

  it('gives a report that its schema accepts, whatever was found', async () => {
    const schema: unknown = JSON.parse(readFileSync(new URL('../../spec/report.schema.json', import.meta.url), 'utf8'));
    const valid = new Ajv2020({ strict: true, strictRequired: false, allErrors: true }).compile(schema as object);
    const files = [
      'h01-mac',
      'h02-ed25519',
      'h04-both',
      'h05-multirun',
      'h16-stdout',
      't04-deleted',
      't16-badsig',
      't53-format2',
      't55-empty',
    ];
    for (const file of files) {
      const paths = [`${samples}${file}.jsonl`];
      const report = await verify({ paths, origin: ORIGIN, dataKeys: [named(KEY)], publicKeys: [VKEY] });
      valid(JSON.parse(JSON.stringify(report)));
      expect(valid.errors, file).toBeNull();
    }
  });
});

describe('known checkpoints', () => {
  const whole = readFileSync(`${samples}h02-ed25519.jsonl`, 'utf8');
  const lines = whole.split('\n');

  // M8.27
  it('advance on ok and refuse a log that was cut since', async () => {
    const dir = folder();
    const log = join(dir, 'audit.jsonl');
    const known = join(dir, 'known.json');
    writeFileSync(log, whole);
    const options = { paths: [log], origin: ORIGIN, publicKeys: [VKEY], known };
    expect((await verify(options)).verdict).toBe('ok');
    const before = readFileSync(known, 'utf8');
    const checkpoints = lines.flatMap((line, at) => (line.startsWith('{"integrity":{"kind":"checkpoint"') ? [at] : []));
    writeFileSync(log, `${lines.slice(0, (checkpoints.at(-2) ?? 0) + 1).join('\n')}\n`);
    const cut = await verify(options);
    expect(cut.verdict).toBe('tampered');
    expect(cut.findings.map(({ code }) => code)).toContain('KNOWN_CONTRADICTED');
    expect(readFileSync(known, 'utf8')).toBe(before);
  });

  it.each(['constructor', '__proto__', 'prototype'])('are kept for a stream named %s', async (name) => {
    const path = join(folder(), 'known.json');
    const text = `${name}\n2\nZCexTs/NYvalbxPC5DdtW610q307e6gV9liDMTQRKRU=\n\n— ${name} W6WMIX87AxGs4T8X\n`;
    await saveKnown(path, advanceAll(new Map(), [{ origin: name, first: text, newest: text, from: 1 }]));
    expect([...(await loadKnown(path)).keys()]).toEqual([name]);
  });

  it('are never taken from a file that is damaged', async () => {
    const known = join(folder(), 'known.json');
    writeFileSync(known, '{"version":1,"streams":{"a":{"first":"x","newest":"y"}}}');
    const options = { paths: [`${samples}h02-ed25519.jsonl`], origin: ORIGIN, publicKeys: [VKEY], known };
    await expect(verify(options)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });
});

describe('a policy', () => {
  function policyFile(text: string): string {
    const path = join(folder(), 'policy.yaml');
    writeFileSync(path, text);
    return path;
  }

  it.each([
    ['version: 2\nstreams: [{ origin: a }]', 'version'],
    ['version: 1\nstreams: []', 'streams'],
    ['version: 1\nstreams: [{ origin: a, sign: b }]', 'streams[0]'],
    ['version: 1\nstreams: [{ origin: "a*b" }]', 'streams[0].origin'],
    ['version: 1\nstreams: [{ origin: a, keys: [{ wrap: x, sign: y }] }]', 'streams[0].keys[0]'],
    ['version: 1\nversion: 1\nstreams: [{ origin: a }]', ':2: this name appears twice'],
    ['version: 1\nstreams: [{ origin: a, accept: { adopted: -1 } }]', 'streams[0].accept.adopted'],
  ])('is refused where it is wrong: %j', async (text, member) => {
    const error: unknown = await loadPolicy(policyFile(text)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'POLICY_INVALID' });
    expect((error as Error).message).toContain(member);
  });

  it('demands what its lines say', async () => {
    const paths = [`${samples}h02-ed25519.jsonl`];
    const base = `version: 1\nstreams:\n  - origin: ${ORIGIN}\n    keys: [{ sign: "${VKEY}" }]\n`;
    const run = async (more: string) => verify({ paths, policy: await loadPolicy(policyFile(base + more)) });
    expect((await run('')).verdict).toBe('ok');
    expect((await run('    require: [signature]\n')).verdict).toBe('ok');
    const floor = await run('    records: mac\n');
    expect(floor).toMatchObject({ verdict: 'tampered' });
    expect(floor.findings.map(({ code }) => code)).toContain('RECORDS_FLOOR');
    expect((await run('    min: 2\n')).verdict).toBe('undecided');
    expect((await run('    end: { until: 2026-11-24T00:00:00Z }\n')).verdict).toBe('ok');
    expect((await run('    manifest: required\n')).findings.map(({ code }) => code)).toContain('MANIFEST_WRONG');
  });

  it('that demands MACs is not met by a log whose MACs nobody can check', async () => {
    const text = `version: 1\nstreams:\n  - { origin: ${ORIGIN}, require: [mac, signature], keys: [{ sign: "${VKEY}" }] }\n`;
    const policy = await loadPolicy(policyFile(text));
    const paths = [`${samples}h04-both.jsonl`];
    expect((await verify({ paths, policy })).verdict).toBe('undecided');
    expect((await verify({ paths, policy, dataKeys: [named(KEY)] })).verdict).toBe('ok');
  });
});
