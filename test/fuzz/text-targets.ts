import assert from 'node:assert/strict';
import { formatRecoveredKeys, parseRecoveredKeys } from '../../src/api/recovery/recovered-key-file.ts';
import { isTamperError, type TamperErrorCode } from '../../src/errors.ts';
import {
  formatCheckpointText,
  formatNote,
  formatSignatureLine,
  parseSignedCheckpoint,
} from '../../src/format/checkpoint.ts';
import { formatControlLeaf, readControl } from '../../src/format/control.ts';
import {
  type ClassifiedLine,
  type ControlLine,
  classifyLine,
  formatCheckpointLine,
  formatRecordMember,
  type RecordLine,
  TAIL_LENGTH,
} from '../../src/format/entry.ts';
import { formatManifest } from '../../src/format/manifest.ts';
import { readManifest } from '../../src/format/manifest-reading.ts';
import { inputForm, recordHead, unwrapRecord } from '../../src/format/record.ts';
import { parseVkey } from '../../src/format/vkey.ts';
import { formatVkey } from '../../src/index.ts';
import { decodeKey } from '../../src/providers/internal/key-text.ts';
import { formatState, parseState } from '../../src/seal/disk/state-record.ts';
import type { RecoveredDataKey } from '../../src/verify/data-keys/recovered-data-keys.ts';
import { subjects } from '../support/mutations.ts';
import { fixedBytes, vkeyOf } from '../support/signing-keys.ts';
import {
  dataKey,
  edKey,
  nextDataKey,
  nextEdKey,
  p256Key,
  p384Key,
  rsaPkcs1Key,
  rsaPssKey,
  serviceKey,
} from '../vectors/keys.ts';
import type { Target } from './target.ts';

/** Parsers that take text and give a value. */

/** Nothing that a terminal would take as a command stands in it. */
export function assertPrintable(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/, 'a control character stands in a message');
}

/** What a parser may throw: our own error, with one of these codes, that says nothing raw. */
export function assertRefusal(error: unknown, codes: readonly TamperErrorCode[]): void {
  if (!isTamperError(error)) throw error;
  assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
  assertPrintable(error.message);
}

const members = ['seq', 'kind', 'key_id', 'mac', 'hash', 'integrity', 'as', 'part', 'last', 'line', 'note'];
const openMembers = [
  'format',
  'origin',
  'time',
  'why',
  'size',
  'frontier',
  'checkpoint',
  'root',
  'key',
  'epoch_seq',
  'step',
];
const moreMembers = [
  'every',
  'records',
  'seconds',
  'idle_seconds',
  'torn',
  'bytes',
  'sha256',
  'adopted_from',
  'after',
  'next',
];
const keyMembers = [
  'source',
  'identity',
  'nonce',
  'fp',
  'wrapped',
  'signers',
  'algorithm',
  'spki',
  'dropped',
  'since',
  'then',
];
const words = [
  'open',
  'seal',
  'gap',
  'close',
  'new',
  'resumed',
  'recovered',
  'rotated',
  'shutdown',
  'continued',
  'text',
];
const lineTokens = [
  ...[...members, ...openMembers, ...moreMembers, ...keyMembers].map((name) => `,"${name}":`),
  ...words.map((word) => `"${word}"`),
  '"}}',
  '"2026-11-24T23:00:00.000Z"',
  '"as":"base64","part":2,"last":true,',
  'null',
  'true',
  '{}',
  '[]',
  '\\u0000',
  '\\ud800',
  '\ufeff',
  'ecdsa-p256-sha256',
  '__proto__',
];

/** An entry parses to what formats back to it (M2.1), and an application's line comes back as it went in (M1.10). */
function checkLine(line: Buffer, read: ClassifiedLine): void {
  if (read.type === 'control') checkControl(line, read);
  if (read.type === 'record') checkRecord(line, read);
  if (read.type === 'checkpoint' && read.note !== undefined) {
    assert.equal(formatCheckpointLine(read.note), line.toString('utf8'));
    checkNote(read.note);
  }
}

function checkControl(line: Buffer, { seq, kind, tag, epoch, member, auth }: ControlLine): void {
  const kid = `${tag}.${epoch}`;
  const reading = readControl(line, seq, kind, kid, member);
  if ('problem' in reading) assertPrintable(reading.problem.message);
  else assert.equal(`${formatControlLeaf(seq, reading.entry, kid, member)}${auth}"}}`, line.toString('utf8'));
}

function checkRecord(line: Buffer, record: RecordLine): void {
  const own = unwrapRecord(line, record);
  if (record.as === undefined || own === undefined) return;
  const { as, part } = record;
  if (part === undefined && as === 'text') assert.notEqual(inputForm(own), 'base64');
  const head = recordHead(own, as);
  const leaf = Buffer.concat([
    head,
    Buffer.from(formatRecordMember({ ...record, kid: `${record.tag}.${record.epoch}` })),
  ]);
  assert.ok(leaf.equals(line.subarray(0, line.length - TAIL_LENGTH)), 'a wrapped line does not wrap back');
}

function checkNote(note: string): void {
  const checkpoint = parseSignedCheckpoint(note);
  if (checkpoint === undefined) return;
  assert.equal(formatCheckpointText(checkpoint), checkpoint.text);
  const lines = checkpoint.signatures.map(({ name, keyId, bytes }) =>
    formatSignatureLine(name, Buffer.from(keyId, 'hex'), bytes),
  );
  assert.equal(formatNote(checkpoint.text, lines), note);
}

const everyLine = (): Buffer[] => subjects().flatMap(({ log }) => log.lines.map(({ bytes }) => bytes));

export const entryLine: Target = {
  name: 'entry-line',
  seeds: everyLine,
  tokens: lineTokens,
  run(input) {
    checkLine(input, classifyLine(input));
  },
};

export const controlEntry: Target = {
  name: 'control-entry',
  seeds: () => everyLine().filter((line) => classifyLine(line).type === 'control'),
  tokens: lineTokens,
  // whatever the line says of itself, its members are read as those of each kind
  run(input) {
    const read = classifyLine(input);
    if (read.type !== 'control') return;
    for (const kind of ['open', 'key', 'seal', 'gap', 'close', 'constructor']) checkControl(input, { ...read, kind });
  },
};

export const inputLine: Target = {
  name: 'input-line',
  seeds: () => ['{"a":1}', '{ }', '{}', 'text', '', '{"integrity":{}}', '[1]'].map((text) => Buffer.from(text)),
  tokens: lineTokens,
  // M1.9, M1.10
  run(input) {
    const line = Buffer.from(input.toString('latin1').replaceAll(/[\r\n]/g, ''), 'latin1');
    const form = inputForm(line);
    const as = form === 'object' ? undefined : form;
    const member = formatRecordMember({ seq: 7, kid: 'AAAAAAAA.3', member: 'hash', as });
    const record = Buffer.concat([recordHead(line, form), Buffer.from(`${member}${'A'.repeat(43)}"}}`)]);
    const read = classifyLine(record);
    assert.equal(read.type, 'record');
    const own = unwrapRecord(record, read as RecordLine);
    assert.ok(own?.equals(line), 'the line does not come back');
    JSON.parse(record.toString('utf8'));
  },
};

export const note: Target = {
  name: 'note',
  seeds: () =>
    subjects().flatMap(({ log }) => log.seals.slice(0, 3).map(({ size }) => Buffer.from(log.note({ size })))),
  tokens: ['— ', '\n\n', '\n', ' ', '+', 'AAAA', '==', '0', '9007199254740993'],
  run(input) {
    checkNote(input.toString('utf8'));
  },
};

export const vkey: Target = {
  name: 'vkey',
  seeds: () =>
    [edKey, nextEdKey, p256Key, p384Key, rsaPssKey, rsaPkcs1Key, serviceKey].map((key) =>
      Buffer.from(vkeyOf('audit.example.com/vectors/a', key)),
    ),
  tokens: ['+', '=', 'AQ', 'Ag', '/2ZhcGlsb2ctdGFtcGVyL3Yx'],
  run(input) {
    const text = input.toString('utf8');
    try {
      const { name, key } = parseVkey(text);
      assert.equal(formatVkey(name, key), text);
    } catch (error) {
      assertRefusal(error, ['FORMAT_INVALID']);
    }
  },
};

export const manifest: Target = {
  name: 'manifest',
  seeds() {
    const [{ log }] = subjects() as [ReturnType<typeof subjects>[number]];
    const checkpoint = log.note();
    const signature = parseSignedCheckpoint(checkpoint)?.signatures[0]?.bytes.toString('base64') ?? '';
    const time = '2026-11-24T23:00:00.000Z';
    const root = fixedBytes('root').toString('base64');
    return [{ first_ts: time, last_ts: time }, { continues_from: { origin: log.origin, size: 3, root } }].map((more) =>
      Buffer.from(
        formatManifest({
          version: 1,
          origin: log.origin,
          file: 'log.jsonl',
          created_ts: time,
          closed_ts: time,
          bytes: 4096,
          record_count: 12,
          first_seq: 1,
          last_seq: log.size,
          size: log.size,
          root,
          algo: 'hmac-sha256',
          key_id: log.kid,
          sha256: fixedBytes('file').toString('hex'),
          checkpoint,
          signature_algo: 'ed25519',
          signature,
          ...more,
        }),
      ),
    );
  },
  tokens: [
    '"version": 1,',
    '"size": ',
    'null',
    '{}',
    '[]',
    '"__proto__": {},',
    '"first_ts": "2026-11-24T23:00:00.000Z",',
  ],
  run(input) {
    const reading = readManifest(input);
    if ('problem' in reading) assertPrintable(reading.problem.message);
    else if ('manifest' in reading)
      assert.deepEqual(readManifest(Buffer.from(formatManifest(reading.manifest))), reading);
  },
};

export const keyText: Target = {
  name: 'key-text',
  seeds: () => [
    dataKey,
    ...(['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(dataKey.toString(encoding))),
    Buffer.from(`${dataKey.toString('base64')}\r\n`),
    Buffer.from('-----BEGIN PRIVATE KEY-----\n'),
  ],
  tokens: ['=', '==', '\n', '\r\n', '0x', '\ufeff', '-', '_', '+', '/'],
  limit: 4_097,
  run(input) {
    const before = Buffer.from(input);
    for (const raw of [false, true]) {
      try {
        const key = decodeKey(input, 'file a', raw);
        assert.equal(key.length, 32);
        const text = before.toString('latin1').replace(/\r?\n$/, '');
        const digits = text.replace(/={0,2}$/, '');
        const spelled = (['base64', 'base64url'] as const).map((one) => key.toString(one).replace(/=+$/, ''));
        assert.ok(raw || text.toLowerCase() === key.toString('hex') || spelled.includes(digits), 'not its spelling');
      } catch (error) {
        assertRefusal(error, ['KEY_MALFORMED']);
        assertSaysNothingOf((error as Error).message, before);
      }
      assert.ok(input.equals(before), 'the text was changed');
    }
  },
};

/** No sixteen characters of a key text stand in a message. */
function assertSaysNothingOf(message: string, secret: Buffer): void {
  const text = secret.toString('latin1');
  for (let at = 0; at + 16 <= text.length; at++) {
    assert.ok(!message.includes(text.slice(at, at + 16)), 'a message quotes a key text');
  }
}

const kept = (name: string, material: Buffer): RecoveredDataKey => {
  const identity = { source: 'aws-kms', identity: 'arn:aws:kms:eu-west-1:1:key/1#2', named: 'alias/audit' };
  return { origin: 'o/a', kid: `AAAAAAAA.${name}`, ...identity, fp: fixedBytes(`fp ${name}`), material };
};

export const recoveredKeys: Target = {
  name: 'recovered-keys',
  seeds: () => [
    formatRecoveredKeys([]),
    formatRecoveredKeys([kept('1', dataKey)]),
    formatRecoveredKeys([kept('1', dataKey), kept('2', nextDataKey)]),
  ],
  tokens: [
    '"version":1',
    '"version":2',
    '"keys":2',
    '"origin":"',
    '"key_id":"',
    '"named":"',
    '"fp":"',
    '\n',
    ' {',
    '\\u0041',
  ],
  run(input) {
    const before = Buffer.from(input);
    try {
      const keys = parseRecoveredKeys(input, 'file a');
      assert.ok(keys.every(({ material }) => material.length === 32 && material.some((byte) => byte !== 0)));
      assert.ok(formatRecoveredKeys(keys).equals(before), 'another spelling was taken');
    } catch (error) {
      assertRefusal(error, ['KEY_MALFORMED']);
      assertSaysNothingOf((error as Error).message.replace('recovered data keys', ''), before);
    }
    assert.ok(input.equals(before), 'the text was changed');
  },
};

export const stateRecord: Target = {
  name: 'state-record',
  seeds() {
    return subjects().map(({ log }) => {
      const reference = log.epoch?.reference;
      assert.ok(reference !== undefined);
      return Buffer.from(
        formatState({
          origin: log.origin,
          size: log.size,
          frontier: log.tree.subtrees,
          leaf: log.leaves.at(-1) ?? '',
          file: '/var/log/a.jsonl',
          offset: 12,
          base: '/var/log/a.jsonl',
          epoch: 4,
          current: { epoch: 4, epochSeq: 3, step: 2, key: reference },
        }),
      );
    });
  },
  tokens: lineTokens,
  run(input) {
    try {
      const state = parseState(input.toString('utf8'), '/var/lib/a.chainstate');
      assert.deepEqual(parseState(formatState(state), '/var/lib/a.chainstate'), state);
    } catch (error) {
      assertRefusal(error, ['STATE_MALFORMED']);
    }
  },
};
