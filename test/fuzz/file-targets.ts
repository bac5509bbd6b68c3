import assert from 'node:assert/strict';
import { deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { readConfigFile } from '../../src/config/file.ts';
import type { TamperErrorCode } from '../../src/errors.ts';
import { loadPolicy, loadPublicKeys } from '../../src/index.ts';
import { loadKnown, saveKnown } from '../../src/verify/auditor/known.ts';
import { readGzip } from '../../src/verify/input/gzip.ts';
import { inMemory } from '../../src/verify/input/sources.ts';
import { subjects } from '../support/mutations.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey, p256Key, rsaPssKey } from '../vectors/keys.ts';
import { inFile } from './scratch.ts';
import type { Target } from './target.ts';
import { assertRefusal } from './text-targets.ts';

/** Parsers that read a file. */

/** What was read; undefined where it was refused with one of these codes. */
async function refusedOr<T>(codes: readonly TamperErrorCode[], action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    assertRefusal(error, codes);
    return undefined;
  }
}

export const policy: Target = {
  name: 'policy',
  seeds: () =>
    [
      'version: 1\nstreams:\n  - origin: audit.example.com/a\n',
      `version: 1\nstreams:\n  - origin: a/*\n    min: 3\n    records: mac\n    require: [mac, signature]\n    keys:\n      - { wrap: "arn:aws:kms:eu-west-1:1:key/a", from_seq: 1 }\n      - { sign: "${vkeyOf('a', edKey)}", from_seq: 1, until_seq: 88000 }\n    end: { until: 2026-11-24T00:00:00Z }\n    manifest: required\n    accept: { adopted: 0, abandoned: 100, recovery_gap_seconds: 300, restarts: keyed, dropped: 0, successors: false }\n`,
      '{"version": 1, "streams": [{"origin": "a", "end": "live"}]}',
    ].map((text) => Buffer.from(text)),
  tokens: [
    'version: ',
    'streams:',
    '  - ',
    'origin: ',
    '&a ',
    '*a',
    '!!int ',
    '? ',
    '<<: ',
    '---\n',
    '...\n',
    '|\n',
    '>-\n',
    '%YAML 1.2\n',
    '"',
    "'",
    '# ',
  ],
  async run(input) {
    const path = inFile('policy.yaml', input);
    const read = await refusedOr(['POLICY_INVALID', 'NOT_FOUND', 'READ_FAILED'], async () => loadPolicy(path));
    if (read !== undefined) assert.ok(read.streams.length > 0);
  },
};

export const configFile: Target = {
  name: 'config-file',
  seeds: () =>
    [
      'key_id: audit\nfile: a.jsonl\n',
      'key_source: aws-kms\nkey_id: alias/a\nanchors: [a, b]\nenabled: true\n',
      '{"key_id": "a"}',
    ].map((text) => Buffer.from(text)),
  tokens: [
    'key_id: ',
    'vault_token: ',
    'anchors: [',
    '&a ',
    '*a',
    '!!int ',
    '? ',
    '<<: ',
    '---\n',
    '|\n',
    '%YAML 1.2\n',
    '"',
    '# ',
    'null',
    '0x10',
  ],
  run(input) {
    for (const name of ['a.yaml', 'a.json']) {
      const path = inFile(name, input);
      try {
        readConfigFile(path);
      } catch (error) {
        assertRefusal(error, ['CONFIG_INVALID', 'CONFIG_UNREADABLE', 'CONFIG_UNKNOWN_OPTION']);
      }
    }
  },
};

export const knownFile: Target = {
  name: 'known-file',
  seeds: () => {
    const [{ log }] = subjects() as [ReturnType<typeof subjects>[number]];
    const both = { first: log.note({ size: 2 }), newest: log.note() };
    return [
      { version: 1, streams: {} },
      { version: 1, streams: { [log.origin]: both, __proto__a: both } },
    ].map((value) => Buffer.from(JSON.stringify(value)));
  },
  tokens: ['"__proto__":', '"constructor":', '"first":', '"newest":', '{}', '[]', 'null', '\\n'],
  async run(input) {
    const path = inFile('known.json', input);
    const codes = ['FORMAT_INVALID', 'READ_FAILED'] as const;
    const known = await refusedOr(codes, async () => loadKnown(path));
    if (known === undefined) return;
    await saveKnown(path, known);
    assert.deepEqual(new Map(await loadKnown(path)), new Map(known));
  },
};

export const publicKeys: Target = {
  name: 'public-keys',
  seeds: () =>
    [
      `# ours\n${vkeyOf('a', edKey)}\n\n${vkeyOf('b', p256Key)}\n`,
      ...[edKey, p256Key, rsaPssKey].map(
        ({ signer }) => `-----BEGIN PUBLIC KEY-----\n${signer.spki?.toString('base64')}\n-----END PUBLIC KEY-----\n`,
      ),
    ].map((text) => Buffer.from(text)),
  tokens: ['-----BEGIN PUBLIC KEY-----\n', '-----END PUBLIC KEY-----\n', '-----BEGIN CERTIFICATE-----\n', '+', '#'],
  async run(input) {
    const path = inFile('keys.txt', input);
    await refusedOr(['KEY_MALFORMED', 'KEY_WRONG_USAGE', 'FORMAT_INVALID', 'READ_FAILED'], async () =>
      loadPublicKeys(path),
    );
  },
};

const MAX_BYTES = 100_000;

/** A member whose header has every optional part. */
function fullHeader(data: Buffer): Buffer {
  const plain = gzipSync(data);
  const head = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 4, 0, 65, 65, 0, 0, 97, 0, 98, 0, 1, 2]);
  return Buffer.concat([head, plain.subarray(10)]);
}

export const gzip: Target = {
  name: 'gzip',
  seeds: () => {
    const text = Buffer.from('{"a":1}\n'.repeat(20));
    const empty = gzipSync(Buffer.alloc(0));
    return [
      gzipSync(text),
      fullHeader(text),
      Buffer.concat([empty, gzipSync(text), empty]),
      deflateRawSync(text),
      gzipSync(Buffer.alloc(MAX_BYTES + 1)),
    ];
  },
  tokens: ['\x1f\u008b\b', '\0\0\0\0', 'name\0'],
  async run(input) {
    const problems: string[] = [];
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of readGzip(inMemory(input), MAX_BYTES, (problem) => problems.push(problem))) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
    }
    assert.ok(length <= MAX_BYTES, 'more bytes than were asked for');
    assert.ok(problems.length <= 1);
    if (problems.length > 0 || input.length === 0) return;
    const flags = input[3] as number;
    if ((flags & 0x02) !== 0) return; // the header's own checksum, which Node checks and we need not
    assert.ok(gunzipSync(input).equals(Buffer.concat(chunks)), 'other bytes than gunzip gives');
  },
};
