import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandOrigin } from '../../src/config/index.ts';
import { verifyConsistency } from '../../src/core/consistency-proof.ts';
import { digestFrom } from '../../src/core/hash.ts';
import { verifyInclusion } from '../../src/core/inclusion-proof.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { parseSignedCheckpoint } from '../../src/format/checkpoint.ts';
import { readControl } from '../../src/format/control.ts';
import { classifyLine } from '../../src/format/entry.ts';
import { isOrigin } from '../../src/format/origin.ts';
import { unwrapRecord } from '../../src/format/record.ts';
import { noteKeyId, parseVkey, ratchetKeyId } from '../../src/format/vkey.ts';
import { wrappingAad, wrappingPairs } from '../../src/keys/wrapping-context.ts';
import { judge, memorySource } from '../support/judge.ts';
import { proveConsistency, proveInclusion } from '../support/proof.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey, rsaPssKey } from '../vectors/keys.ts';
import { unitVectors } from '../vectors/unit-vectors.ts';
import { brings } from '../vectors/vector-case.ts';

/** Statements on bytes, each by itself, against the frozen unit vectors and against arbitrary input. */

const unit = (name: string) =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../vectors/v1/unit-${name}.json`, import.meta.url)), 'utf8'));
const digest = (hex: string): string => digestFrom(Buffer.from(hex, 'hex'));

describe('lines', () => {
  it('M1.2: leaves, nodes, roots and frontiers are those of RFC 6962', () => {
    const { leaves, sizes, inclusion, consistency } = unit('tree');
    const frontier = new Frontier();
    const hashes: string[] = [];
    for (const [at, leaf] of (leaves as string[]).entries()) {
      hashes.push(hashLeaf(Buffer.from(leaf)));
      frontier.append(hashes[at] ?? '');
      expect(frontier.root()).toBe(digest(sizes[at + 1].root));
      expect(frontier.subtrees).toEqual(sizes[at + 1].frontier.map(digest));
    }
    for (const { size, index, leaf_hash: leaf, root, proof } of inclusion) {
      expect(proveInclusion(hashes.slice(0, size), index)).toEqual(proof.map(digest));
      expect(verifyInclusion(index, size, digest(leaf), proof.map(digest), digest(root))).toBe(true);
    }
    for (const { first, second, first_root: one, second_root: other, proof } of consistency) {
      expect(proveConsistency(hashes.slice(0, second), first)).toEqual(proof.map(digest));
      expect(verifyConsistency(first, second, digest(one), digest(other), proof.map(digest))).toBe(true);
    }
  });

  it('M1.4: an origin has its characters and its length, and names are mapped into them', () => {
    for (const good of ['a', 'audit.example.com/payments/host-7', 'A_~:@.9', 'x'.repeat(255)])
      expect(isOrigin(good)).toBe(true);
    for (const bad of ['', '/a', 'a/', 'a b', 'a\n', 'ä', 'a+b', '"', 'x'.repeat(256)])
      expect(isOrigin(bad)).toBe(false);
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), (host) =>
        isOrigin(expandOrigin('x/{host}', { host, pid: '', instance: '', pod: '' })),
      ),
    );
  });

  it('M1.9, M1.10: every input line comes back byte for byte, objects as they are, all else wrapped', () => {
    const lines = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text, 'utf8')),
      fc.json().map((text) => Buffer.from(text, 'utf8')),
      fc.dictionary(fc.string(), fc.jsonValue()).map((value) => Buffer.from(JSON.stringify(value), 'utf8')),
    );
    fc.assert(
      fc.property(
        lines.filter((line) => !line.includes(0x0a)),
        (line) => {
          const log = new SealedLog().open({ dataKey }).record(line);
          const sealed = log.lines[1]?.bytes ?? Buffer.alloc(0);
          const read = classifyLine(sealed);
          if (read.type !== 'record') throw new Error(`classified as ${read.type}`);
          expect(unwrapRecord(sealed, read)).toEqual(line);
          const isObject = line.toString().startsWith('{') && read.as === undefined;
          if (read.as === undefined) expect(isObject && typeof JSON.parse(line.toString('utf8'))).toBe('object');
          else if (read.as === 'base64')
            expect(line.includes(0) || !Buffer.from(line.toString('utf8')).equals(line)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('M1.11: the parts of a long line come back as one', () => {
    const line = Buffer.from(Array.from({ length: 100 }, (_, at) => at));
    const log = new SealedLog().open({ dataKey }).longRecord(line, 33);
    const parts = log.lines.slice(1).map(({ bytes }) => {
      const read = classifyLine(bytes);
      if (read.type !== 'record') throw new Error('no record');
      return { part: read.part, last: read.last, bytes: unwrapRecord(bytes, read) ?? Buffer.alloc(0) };
    });
    expect(parts.map(({ part, last }) => [part, last])).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [4, true],
    ]);
    expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(line);
  });
});

describe('control entries', () => {
  const log = new SealedLog().open({ dataKey }).seal().close('continued');

  it('M2.1: are read in their one spelling only', () => {
    for (const { bytes, kind } of log.lines) {
      const read = classifyLine(bytes);
      if (read.type !== 'control') throw new Error(`${kind} is classified as ${read.type}`);
      const take = (text: string): object => readControl(Buffer.from(text), read.seq, read.kind, log.kid, read.member);
      const text = bytes.toString('utf8');
      expect(take(text)).toHaveProperty('entry');
      for (const [from, to] of [
        [':1,', ':1.0,'],
        [',"', ', "'],
        ['"kind"', '"\\u006bind"'],
        ['"step":', '"step": '],
      ] as const) {
        if (text.includes(from)) expect(take(text.replace(from, to)), `${from} ${to}`).toHaveProperty('problem');
      }
    }
  });

  it('M2.7: `then` stands with why continued and only there', () => {
    const text = log.lines.at(-1)?.bytes.toString('utf8') ?? '';
    const take = (changed: string): object => readControl(Buffer.from(changed), 3, 'close', log.kid, 'mac');
    expect(take(text)).toHaveProperty('entry.continuedBy', `${log.origin}/next`);
    expect(take(text.replace(/"then":"[^"]*",/, ''))).toHaveProperty('problem.code', 'CONTROL_MALFORMED');
    expect(take(text.replace('"continued"', '"shutdown"'))).toHaveProperty('problem.code', 'CONTROL_MALFORMED');
  });
});

describe('the key schedule', () => {
  it('M3.1, M3.2: is that of the vectors, step by step', () => {
    for (const one of unit('key-schedule')) {
      const nonce = Buffer.from(one.nonce, 'hex');
      const schedule = KeySchedule.derive(Buffer.from(one.data_key, 'hex'), {
        nonce,
        origin: one.origin,
        epoch: one.epoch,
      });
      expect(schedule.fingerprint.toString('hex')).toBe(one.fp);
      expect(ratchetKeyId(one.origin, schedule.fingerprint).toString('hex')).toBe(one.ratchet_key_id);
      for (const { step, auth, checkpoint_mac: mac } of one.steps) {
        expect(schedule.step).toBe(step);
        expect(schedule.authenticate(hashLeaf(Buffer.from(one.leaf)))).toBe(auth);
        expect(schedule.macCheckpoint(Buffer.from(one.checkpoint_text)).toString('hex')).toBe(mac);
        schedule.advance();
      }
    }
  });

  it('M3.3: gives nothing of an earlier step after it has advanced', () => {
    const make = (): KeySchedule => KeySchedule.derive(dataKey, { nonce: Buffer.alloc(32, 1), origin: 'a', epoch: 1 });
    const schedule = make();
    const leaf = hashLeaf(Buffer.from('x'));
    const before = schedule.authenticate(leaf);
    schedule.advance();
    expect(schedule.authenticate(leaf)).not.toBe(before);
    schedule.erase();
    expect([before, make().authenticate(leaf)]).not.toContain(schedule.authenticate(leaf));
  });

  it('M3.4: refuses a data key of zeros or of another length', () => {
    for (const key of [Buffer.alloc(32), Buffer.alloc(31, 1), Buffer.alloc(33, 1), Buffer.alloc(0)]) {
      expect(() => KeySchedule.derive(key, { nonce: Buffer.alloc(32, 1), origin: 'a', epoch: 1 })).toThrow(/data key/);
    }
  });
});

describe('notes and keys', () => {
  it('M4.1: a note has one spelling', () => {
    for (const { note, size } of unit('notes')) {
      expect(parseSignedCheckpoint(note)).toMatchObject({ size });
      const spoiled = [
        note.trimEnd(),
        note.replace('\n\n', '\n'),
        note.replace('—', '-'),
        `${note}\n`,
        note.replace(`\n${size}\n`, `\n0${size}\n`),
        note.replace(`\n${size}\n`, `\n${size}\n\n`),
      ];
      for (const text of spoiled) expect(parseSignedCheckpoint(text), JSON.stringify(text)).toBeUndefined();
    }
  });

  it('M4.2: key ids and vkeys are those of the vectors', () => {
    for (const { name, algorithm, key, key_id: id, vkey } of unit('vkeys')) {
      const parsed = parseVkey(vkey);
      expect(parsed).toMatchObject({ name, key: { algorithm } });
      expect(parsed.key.bytes.toString('hex')).toBe(key);
      expect(noteKeyId(name, parsed.key).toString('hex')).toBe(id);
    }
  });

  it('M4.3: a signer of the log that uses a named key with another algorithm is another key', async () => {
    const confused = { ...rsaPssKey, signer: { ...rsaPssKey.signer, algorithm: 'rsa-pkcs1-sha256' as const } };
    const log = new SealedLog()
      .open({ signers: [confused] })
      .seal()
      .checkpoint()
      .close()
      .checkpoint();
    const [file] = log.toFiles();
    const found = await judge(
      [memorySource('log.jsonl', file?.bytes ?? Buffer.alloc(0))],
      brings(log, { named: [rsaPssKey] }),
    );
    expect(found.verdict).not.toBe(0);
    expect(found.codes).toContain('KEY_NOT_NAMED 1-3'); // the named key signed, and is no signer of the log
  });

  it('M5.7: what a wrapped key is bound to follows from origin and KID', () => {
    const context = { origin: 'audit.example.com/a', kid: 'AAAAAAAA.7' };
    expect(wrappingAad(context).toString()).toBe('fapilog-tamper/v1 data key\naudit.example.com/a\nAAAAAAAA.7\n');
    expect(wrappingPairs(context)).toEqual({ 'fapilog-tamper': 'v1', origin: context.origin, key_id: context.kid });
  });

  it('the unit vectors are what their generator makes', () => {
    for (const [name, value] of Object.entries(unitVectors()))
      expect(unit(name)).toEqual(JSON.parse(JSON.stringify(value)));
  });
});
