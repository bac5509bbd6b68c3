import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Brings, judgePaths } from '../support/judge.ts';

/** Each statement on verification with the vectors that hold it: their verdict and the codes that must be among the findings. */

const folder = fileURLToPath(new URL('../../vectors/v1/', import.meta.url));

type Held = readonly [vector: string, verdict: 0 | 1 | 2, ...codes: string[]];

const statements: readonly (readonly [statement: string, ...Held[]])[] = [
  ['M1.1', ['valid-imitation', 0]],
  [
    'M1.3',
    ['auth-wrong', 1, 'AUTH_WRONG'],
    ['checksum-wrong', 1, 'CHECKSUM_WRONG'],
    ['root-mismatch', 1, 'ROOT_MISMATCH'],
    ['mac-not-canonical', 1, 'FOREIGN_LINE'],
  ],
  ['M1.5', ['epoch-reused', 1, 'EPOCH_REUSED'], ['valid-runs', 0]],
  ['M1.6', ['foreign-tag', 1, 'FOREIGN_TAG']],
  ['M1.7', ['unterminated', 2, 'TORN_TAIL'], ['valid-empty-lines', 0], ['valid-live-half-line', 0]],
  [
    'M2.1',
    ['control-malformed', 1, 'CONTROL_MALFORMED'],
    ['control-malformed-twice', 1, 'CONTROL_MALFORMED'],
    ['unsupported-member', 2, 'UNSUPPORTED'],
  ],
  ['M2.2', ['open-contradicts-why', 1, 'OPEN_CONTRADICTS'], ['valid-conflict', 0], ['valid-recovered-file', 0]],
  ['M2.3', ['open-contradicts-frontier', 1, 'OPEN_CONTRADICTS'], ['open-contradicts-size', 1, 'OPEN_CONTRADICTS']],
  ['M2.4', ['open-contradicts-epoch-seq', 1, 'OPEN_CONTRADICTS'], ['step-wrong-open', 1, 'STEP_WRONG']],
  [
    'M2.6',
    ['count-wrong', 1, 'COUNT_WRONG'],
    ['count-wrong-dropped', 1, 'COUNT_WRONG'],
    ['count-wrong-close', 1, 'COUNT_WRONG'],
  ],
  ['M2.7', ['valid-continued', 0]],
  [
    'M4.1',
    ['note-malformed', 1, 'NOTE_MALFORMED'],
    ['note-malformed-extension', 1, 'NOTE_MALFORMED'],
    ['valid-many-signatures', 0],
    ['note-malformed-long', 1, 'NOTE_MALFORMED'],
  ],
  [
    'M4.4',
    ['signature-wrong', 1, 'SIGNATURE_WRONG'],
    ['signature-wrong-mac', 1, 'SIGNATURE_WRONG'],
    ['valid-unknown-signature', 0],
  ],
  ['M4.5', ['require-signature', 2, 'UNSIGNED'], ['require-mac', 2, 'NO_KEY'], ['valid-both-required', 0]],
  ['M4.6', ['valid-service-away', 0]],
  ['M4.8', ['valid-checkpoints-moved', 0], ['valid-files', 0]],
  ['M4.9', ['unsigned', 2, 'UNSIGNED'], ['valid-one-checkpoint', 0], ['newest-checkpoint-deleted', 2, 'UNSIGNED']],
  [
    'M4.10',
    ['cosignature-wrong', 1, 'SIGNATURE_WRONG'],
    ['cosignature-of-other-text', 1, 'SIGNATURE_WRONG'],
    ['valid-witness-unknown', 0],
  ],
  ['M5.1', ['seal-missing', 1, 'SEAL_MISSING'], ['valid-files', 0]],
  ['M5.2', ['seal-missing-after-key', 1, 'SEAL_MISSING'], ['valid-handover-signers', 0], ['valid-handover-data', 0]],
  ['M5.3', ['handover-stolen', 2, 'UNSIGNED'], ['handover-not-signed', 2, 'NO_KEY']],
  [
    'M5.4',
    ['mode-change', 1, 'MODE_CHANGE'],
    ['mode-change-signer', 1, 'MODE_CHANGE'],
    ['valid-mac-to-hash', 0],
    ['valid-hash-to-mac', 0],
  ],
  ['M5.5', ['key-id-of-other-epoch', 1, 'KEY_ID_WRONG']],
  [
    'M7.1',
    ['valid-manifest', 0],
    ['manifest-wrong', 1, 'MANIFEST_WRONG'],
    ['manifest-stale', 2, 'FILES_MISSING'],
    ['manifest-of-missing-file', 2, 'FILES_MISSING'],
    ['valid-manifest-without-file', 0],
    ['manifest-wrong-bytes', 1, 'MANIFEST_WRONG'],
    ['manifest-wrong-signature-algo', 1, 'MANIFEST_WRONG'],
    ['manifest-wrong-continues-from', 1, 'MANIFEST_WRONG'],
    ['manifest-without-continues-from', 1, 'MANIFEST_WRONG'],
    ['valid-signed', 0],
  ],
  [
    'M8.2',
    ['fork', 1, 'FORK'],
    ['valid-files', 0],
    ['valid-file-twice', 0],
    ['valid-copy-erased', 0, 'EARLIER_COPY'],
    ['copy-erased-otherwise', 1, 'FORK'],
  ],
  [
    'M8.3',
    ['step-wrong', 1, 'STEP_WRONG'],
    ['count-wrong', 1, 'COUNT_WRONG'],
    ['open-missing-after-close', 1, 'OPEN_MISSING'],
    ['open-contradicts-checkpoint', 1, 'OPEN_CONTRADICTS'],
  ],
  [
    'M8.4',
    ['start-unproven', 2, 'START_UNPROVEN'],
    ['start-unproven-step', 2, 'START_UNPROVEN'],
    ['valid-start-held', 0],
    ['valid-start-held-mac', 0],
    ['valid-start-held-inside', 0],
  ],
  [
    'M8.5',
    ['known-contradicted-root', 1, 'KNOWN_CONTRADICTED'],
    ['known-contradicted-cut', 1, 'KNOWN_CONTRADICTED'],
    ['known-contradicted-start', 1, 'KNOWN_CONTRADICTED'],
    ['known-consistent', 0],
  ],
  ['M8.6', ['open-missing', 1, 'OPEN_MISSING'], ['start-unproven-cut', 2, 'START_UNPROVEN']],
  ['M8.7', ['valid-part', 0], ['not-a-part', 2, 'END_UNPROVEN']],
  [
    'M8.8',
    ['foreign-line', 1, 'FOREIGN_LINE'],
    ['key-id-wrong', 1, 'KEY_ID_WRONG'],
    ['mode-wrong', 1, 'MODE_WRONG'],
    ['epoch-reused', 1, 'EPOCH_REUSED'],
    ['entries-missing', 1, 'ENTRIES_MISSING'],
  ],
  [
    'M8.9',
    ['unsupported-kind', 2, 'UNSUPPORTED'],
    ['unsupported-member', 2, 'UNSUPPORTED'],
    ['unsupported-format', 2, 'UNSUPPORTED'],
    ['unsupported-key-member', 2, 'UNSUPPORTED'],
    ['unsupported-key-member-signed', 2, 'UNSUPPORTED'],
    ['unsupported-open-member', 2, 'UNSUPPORTED'],
    ['open-without-why', 1, 'CONTROL_MALFORMED'],
    ['open-without-records', 1, 'CONTROL_MALFORMED'],
    ['open-without-format', 1, 'CONTROL_MALFORMED'],
    ['record-malformed', 1, 'CONTROL_MALFORMED'],
  ],
  [
    'M8.10',
    ['root-mismatch-stranger', 1, 'ROOT_MISMATCH'],
    ['checkpoint-early', 1, 'CHECKPOINT_EARLY'],
    ['checkpoint-early-first', 1, 'CHECKPOINT_EARLY'],
    ['start-unproven-checkpoint', 2, 'START_UNPROVEN'],
    ['checkpoint-not-a-seal', 1, 'CHECKPOINT_NOT_A_SEAL'],
    ['valid-part', 0],
  ],
  [
    'M8.11',
    ['checkpoint-unsigned', 1, 'CHECKPOINT_UNSIGNED'],
    ['key-service-signature', 2, 'KEY_SERVICE'],
    ['unsupported-member', 2, 'UNSUPPORTED'],
  ],
  [
    'M8.12',
    ['valid-both-public', 0],
    ['auth-wrong-both', 1, 'AUTH_WRONG'],
    ['no-key', 2, 'NO_KEY'],
    ['all-checkpoints-deleted', 2, 'UNSIGNED'],
    ['mac-carries-payload', 1, 'FOREIGN_LINE'],
    ['valid-both-mac-replaced', 0],
  ],
  [
    'M8.13',
    ['key-not-named', 2, 'KEY_NOT_NAMED'],
    ['valid-successors', 0],
    ['no-key-other', 2, 'NO_KEY'],
    ['restart-vouched-only', 2, 'UNVOUCHED'],
  ],
  ['M8.14', ['unsigned-other-signer', 2, 'UNSIGNED']],
  [
    'M8.15',
    ['adopted', 2, 'ADOPTED'],
    ['adopted-all', 2, 'ADOPTED'],
    ['adopted-unmarked', 1, 'ADOPTED_UNMARKED'],
    ['adopted-unmarked-data-only', 1, 'ADOPTED_UNMARKED'],
    ['valid-adopted-with-macs', 0],
  ],
  [
    'M8.17',
    ['valid-mac', 0, 'FIRST_RUN_TRUSTS_KEY'],
    ['valid-runs', 0, 'RESTART_TRUSTS_KEY'],
    ['valid-mac-pinned', 0],
    ['valid-handover-signers', 0],
  ],
  ['M8.18', ['valid-signed-runs', 0, 'RESTART'], ['valid-runs', 0, 'RESTART']],
  [
    'M8.19',
    ['fingerprint-altered', 1, 'FINGERPRINT_ALTERED'],
    ['wrong-key', 2, 'WRONG_KEY'],
    ['wrong-key-signed', 2, 'WRONG_KEY'],
  ],
  ['M8.20', ['cadence-idle', 2, 'CADENCE'], ['cadence-records', 2, 'CADENCE'], ['recovery-gap', 2, 'CADENCE']],
  [
    'M8.21',
    ['end-unproven', 2, 'END_UNPROVEN'],
    ['end-unproven-live', 2, 'END_UNPROVEN'],
    ['valid-live', 0, 'UNSEALED_TAIL'],
    ['named-from-100', 2, 'END_UNPROVEN'],
    ['end-unproven-until', 2, 'END_UNPROVEN'],
    ['closed-before-until', 2, 'END_UNPROVEN'],
  ],
  [
    'M8.22',
    ['not-sealed', 2, 'NOT_SEALED'],
    ['line-endings-converted', 2, 'LINE_ENDINGS_CONVERTED'],
    ['reserialized', 2, 'RESERIALIZED'],
    ['torn-tail', 2, 'TORN_TAIL'],
    ['torn-tail-two', 1, 'FOREIGN_LINE'],
    ['torn-tail-last', 2, 'TORN_TAIL'],
  ],
  [
    'M8.33',
    ['encoding-converted', 2, 'ENCODING_CONVERTED'],
    ['encoding-converted-escape', 2, 'ENCODING_CONVERTED'],
    ['encoding-converted-page', 2, 'ENCODING_CONVERTED'],
    ['encoding-converted-record', 2, 'ENCODING_CONVERTED'],
    ['encoding-converted-copy', 2, 'ENCODING_CONVERTED'],
  ],
  ['M8.23', ['valid-gzip', 0], ['gzip-trailing', 2, 'GZIP_TRAILING']],
  [
    'M8.24',
    ['out-of-order', 1, 'OUT_OF_ORDER'],
    ['entries-missing', 1, 'ENTRIES_MISSING'],
    ['duplicate-entry', 1, 'DUPLICATE_ENTRY'],
    ['file-missing', 2, 'FILES_MISSING'],
    ['file-missing-held', 2, 'FILES_MISSING'],
    ['file-missing-altered', 1, 'ROOT_MISMATCH'],
    ['piece-missing', 2, 'FILES_MISSING'],
  ],
  [
    'M8.25',
    ['limit-line', 2, 'LIMIT'],
    ['limit-control', 2, 'LIMIT'],
    ['limit-expansion', 2, 'LIMIT'],
    ['long-line', 0, 'LONG_LINE'],
  ],
  [
    'M8.26',
    ['abandoned', 0, 'ABANDONED'],
    ['abandoned-unproven', 2, 'ABANDONED_UNPROVEN'],
    ['abandoned-limit', 2, 'ABANDONED'],
  ],
  [
    'M8.31',
    ['stamped-contradicted', 1, 'KNOWN_CONTRADICTED'],
    ['stamped-contradicted-cut', 1, 'KNOWN_CONTRADICTED'],
    ['stamped-early', 2, 'TIMESTAMP_EARLY'],
    ['stamped-proves-nothing', 2, 'END_UNPROVEN'],
    ['valid-stamped', 0],
    ['valid-stamped-skewed', 0],
  ],
  [
    'M8.29',
    ['unwitnessed', 2, 'UNWITNESSED'],
    ['unwitnessed-end', 2, 'UNWITNESSED'],
    ['unwitnessed-held', 2, 'UNWITNESSED'],
    ['unwitnessed-twice', 2, 'UNWITNESSED'],
    ['unwitnessed-live', 2, 'UNWITNESSED'],
    ['valid-witnessed-later', 0],
    ['valid-live-witnessed', 0],
  ],
  ['R1.1', ['erasure-malformed', 2, 'ERASURE_MALFORMED'], ['valid-erasure-log', 0], ['valid-erased-twice-recorded', 0]],
  ['R1.4', ['erasures-erased', 1, 'ERASURES_ERASED'], ['erasures-erased-recorded', 1, 'ERASURES_ERASED']],
  [
    'R2.1',
    ['valid-erased', 0, 'ERASED'],
    ['valid-erased-adopted', 0, 'ERASED'],
    ['erased-unrecorded', 1, 'ERASED_UNRECORDED'],
    ['erased-live-tail', 1, 'ERASED_UNRECORDED'],
    ['erased-abandoned', 1, 'ERASED_UNRECORDED'],
    ['erased-not-whole', 2, 'ERASED_UNPROVEN'],
  ],
  ['R2.2', ['not-erased', 2, 'NOT_ERASED'], ['copy-not-erased', 2, 'NOT_ERASED']],
  [
    'R2.3',
    ['erasure-differs', 2, 'ERASURE_DIFFERS'],
    ['erasure-differs-control', 2, 'ERASURE_DIFFERS'],
    ['erasure-differs-above', 2, 'ERASURE_DIFFERS'],
    ['valid-erasure-above-live', 0],
  ],
  ['R2.4', ['erased-above-limit', 2, 'ERASED'], ['valid-erased-all', 0, 'ERASED']],
];

const tables = statements.map(([statement, ...vectors]) => ({ statement, vectors }));

describe.each(tables)('$statement', ({ vectors }) => {
  it.each(vectors)('is held by %s: verdict %i', async (name, verdict, ...codes) => {
    const vector = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')) as Brings & { files: string[] };
    const limit = vector.max_bytes ?? Number.MAX_SAFE_INTEGER;
    const paths = vector.files.map((file) => folder + file);
    const found = await judgePaths(paths, vector, limit);
    expect(found.verdict, found.codes.join(', ')).toBe(verdict);
    const severe = { 0: 'warning', 1: 'tampered', 2: 'undecided' }[verdict];
    for (const code of codes) expect(found.findings).toContainEqual(expect.objectContaining({ code }));
    if (verdict === 0) expect(found.findings.every(({ severity }) => severity === severe)).toBe(true);
    else expect(found.findings.some(({ severity }) => severity === severe)).toBe(true);
  });
});
