import { encodeBase64 } from '../../../src/format/base64.ts';
import { formatSignatureLine } from '../../../src/format/checkpoint.ts';
import { formatManifest } from '../../../src/format/manifest.ts';
import type { Manifest } from '../../../src/index.ts';
import { erase, SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey } from '../keys.ts';
import { macKeys, signedBody, signedLog, signKeys } from '../logs.ts';
import { cutAfter, edit, insertAfter } from '../spoil.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';
import { salted } from './salts.ts';

/** Manifests beside a file: right, wrong, stale (spec 7). */

function beside(
  name: string,
  about: string,
  log: SealedLog,
  changes: Partial<Manifest>,
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase {
  const text = formatManifest({ ...signedLog().manifestOf(`${name}.jsonl`), ...changes });
  const one = vector(name, about, log, brings(log, { named: [edKey] }), verdict, ...findings);
  return { ...one, beside: [{ name: `${name}.jsonl.manifest.json`, bytes: Buffer.from(text) }] };
}

/** The manifest of the second of two files, without what was before it. */
function withoutContinuesFrom(): VectorCase {
  const log = signedBody().close('rotated').checkpoint().rotate('log.2.jsonl');
  const before = log.lines.length - 1;
  log.record('in the second file').close().checkpoint();
  const name = 'manifest-without-continues-from';
  const { continues_from: _, ...manifest } = log.manifestOf(`${name}.2.jsonl`, log.lines.slice(before));
  const text = formatManifest(manifest);
  const about = 'the manifest of a second file does not say what it continues';
  const one = vector(name, about, log, brings(log, { named: [edKey] }), 1, 'MANIFEST_WRONG');
  return { ...one, beside: [{ name: `${name}.2.jsonl.manifest.json`, bytes: Buffer.from(text) }] };
}

/** A copy from before an erasure beside the manifest from after it, for an auditor who has no erasure log (M7.1). */
function ofErased(): VectorCase[] {
  const made = (name: string, about: string, verdict: 1 | 2, changes: Partial<Manifest>): VectorCase => {
    const log = salted(signKeys);
    const text = formatManifest({ ...erase(salted(signKeys), 3).manifestOf(`${name}.jsonl`), ...changes });
    const one = vector(name, about, log, brings(log, { named: [edKey] }), verdict, 'MANIFEST_WRONG');
    return { ...one, beside: [{ name: `${name}.jsonl.manifest.json`, bytes: Buffer.from(text) }] };
  };
  const { bytes, root } = salted(signKeys).manifestOf('log.jsonl');
  return [
    made('manifest-erased', 'the digest is that of the file with a record erased', 2, { bytes }),
    made('manifest-erased-bytes', 'the length, too', 2, { bytes: bytes - 100 }),
    made('manifest-erased-root', 'the root is another one as well', 1, {
      bytes,
      root: `${root.startsWith('A') ? 'B' : 'A'}${root.slice(1)}`,
    }),
  ];
}

/** A log beside a file without an entry, beside which the manifest of another stream stands. */
function besideNothing(name: string, about: string, text: string, verdict: 0 | 2, ...findings: string[]): VectorCase {
  const log = signedLog();
  const one = vector(name, about, log, brings(log, { named: [edKey] }), verdict, ...findings);
  return withManifest(one, text, { ...log.manifestOf('other.jsonl'), origin: 'other.example.com/payments' });
}

function withManifest(one: VectorCase, text: string, manifest: Manifest): VectorCase {
  const file = `${one.name}.2.jsonl`;
  return {
    ...one,
    files: [...one.files, { name: file, bytes: Buffer.from(text) }],
    beside: [{ name: `${file}.manifest.json`, bytes: Buffer.from(formatManifest(manifest)) }],
  };
}

/** The auditor's pattern names two streams. Of one there is its manifest, beside a file with nothing of it. */
function emptied(name: string, about: string, text: string): VectorCase {
  const log = signedLog();
  const bring = { ...brings(log, { named: [edKey] }), origin: 'audit.example.com/vectors/*' };
  const found = [...(text === '' ? ['EMPTY_FILE'] : []), 'FILES_MISSING 1-14'];
  const one = vector(name, about, log, bring, 2, ...found);
  return withManifest(one, text, { ...log.manifestOf('other.jsonl'), origin: 'audit.example.com/vectors/emptied' });
}

/** M7.1: what a tool wrote again is said; its manifest contradicts nothing besides. */
function rewritten(): VectorCase {
  const name = 'manifest-of-rewritten-file';
  const about = 'every line was parsed and written again, the manifest is as the writer left it';
  const one = beside(name, about, signedLog(), {}, 2, 'RESERIALIZED');
  const again = (line: string): string => `${JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', '')}\n`;
  const files = one.files.map((file) => ({
    ...file,
    bytes: Buffer.from(file.bytes.toString('utf8').trimEnd().split('\n').map(again).join('')),
  }));
  return { ...one, files };
}

/** What a download or a program has made of the manifest. */
function spoiled(name: string, about: string, spoil: (text: string) => Buffer): VectorCase {
  const one = beside(name, about, signedLog(), {}, 2, 'UNREADABLE');
  return {
    ...one,
    beside: (one.beside ?? []).map(({ name: file, bytes }) => ({ name: file, bytes: spoil(String(bytes)) })),
  };
}

/** A shipped copy has a record that its host lost in a crash; the manifest is the host's. */
function besideLost(): VectorCase {
  const name = 'valid-manifest-of-copy-with-lost-record';
  const about = 'a shipped copy has a record that its host lost, the manifest is the one of the host';
  const log = new SealedLog().open(macKeys).seal().checkpoint();
  const lost = log.fork().record('lost').lines.slice(log.lines.length);
  const at = log.lines.length;
  log.open(macKeys, { why: 'recovered' }).seal().checkpoint().record('kept').close().checkpoint();
  const text = formatManifest(log.manifestOf(`${name}.jsonl`));
  log.lines.splice(at, 0, ...lost);
  const one = vector(
    name,
    about,
    log,
    brings(log, { data: [dataKey, dataKey] }),
    0,
    'FIRST_RUN_TRUSTS_KEY 1',
    'ABANDONED 3',
    'RESTART 3',
    'RESTART_TRUSTS_KEY 3',
  );
  return { ...one, beside: [{ name: `${name}.jsonl.manifest.json`, bytes: Buffer.from(text) }] };
}

/** The file that ends the log is gone, and a copy of the one before lies under its name. */
function besideCopy(): VectorCase {
  const log = signedBody().close('shutdown').checkpoint();
  const name = 'manifest-beside-copy';
  const about = 'a file was replaced by a copy of the one before it, its manifest tells of more';
  const last = log.size + 5;
  const one = vector(name, about, log, brings(log, { named: [edKey] }), 2, `FILES_MISSING ${log.size + 1}-${last}`);
  const text = formatManifest({
    ...log.manifestOf('', log.lines),
    first_seq: log.size + 1,
    last_seq: last,
    size: last,
  });
  return {
    ...one,
    files: [...one.files, { name: `${name}.z.jsonl`, bytes: log.toFiles()[0]?.bytes ?? Buffer.alloc(0) }],
    beside: [{ name: `${name}.z.jsonl.manifest.json`, bytes: Buffer.from(text) }],
  };
}

/** The auditor's pattern names two streams. Under the name of the one there is a copy of the other. */
function overwritten(): VectorCase {
  const log = signedLog();
  const name = 'manifest-of-overwritten-file';
  const about = 'a file was overwritten with a copy of another stream of the pattern, its manifest is still there';
  const bring = { ...brings(log, { named: [edKey] }), origin: 'audit.example.com/vectors/*' };
  const one = vector(name, about, log, bring, 2, 'FILES_MISSING 1-14');
  const text = formatManifest({ ...log.manifestOf('other.jsonl'), origin: 'audit.example.com/vectors/overwritten' });
  return {
    ...one,
    files: [...one.files, { name: `${name}.z.jsonl`, bytes: log.toFiles()[0]?.bytes ?? Buffer.alloc(0) }],
    beside: [{ name: `${name}.z.jsonl.manifest.json`, bytes: Buffer.from(text) }],
  };
}

/** The file that ends the log is gone; its manifest is still there. */
function alone(name: string, about: string, text: string, verdict: 0 | 2, ...findings: string[]): VectorCase {
  const log = signedBody().close('shutdown').checkpoint();
  const one = vector(name, about, log, brings(log, { named: [edKey] }), verdict, ...findings);
  return { ...one, files: [...one.files, { name: `${name}.2.jsonl.manifest.json`, bytes: Buffer.from(text) }] };
}

export function manifestCases(): VectorCase[] {
  const whole = signedBody().close('shutdown').checkpoint();
  const next = whole.manifestOf('second.jsonl');
  const text = (changes: Partial<Manifest>): string => formatManifest({ ...next, ...changes });
  const other = signedLog().note({ size: 8 });
  return [
    ...ofErased(),
    beside(
      'valid-manifest-other-note',
      'the checkpoint in a manifest has a signature line of somebody else, which nobody can recompute',
      signedLog(),
      {
        checkpoint: `${signedLog().note()}${formatSignatureLine('elsewhere', Buffer.alloc(4, 7), Buffer.alloc(64, 7))}`,
      },
      0,
    ),
    beside('valid-manifest', 'a manifest that says what the file says', signedLog(), {}, 0),
    beside(
      'valid-manifest-renamed',
      'somebody renamed a file and its manifest',
      signedLog(),
      { file: 'audit.20261129T120000Z-0001.jsonl' },
      0,
    ),
    beside(
      'valid-manifest-empty-line',
      'somebody put an empty line into the file that the manifest is about',
      insertAfter(signedLog(), 5, ''),
      {},
      0,
    ),
    besideNothing(
      'valid-manifest-of-another-empty',
      'beside an empty file, the manifest of another stream',
      '',
      0,
      'EMPTY_FILE',
    ),
    besideNothing('valid-manifest-of-another-blank', 'beside an empty line, the manifest of another stream', '\n', 0),
    besideNothing(
      'manifest-of-another-raw',
      'beside a line that was never sealed, the manifest of another stream',
      'raw\n',
      2,
      'NOT_SEALED',
    ),
    emptied('manifest-of-emptied-file', 'a file was emptied, its manifest is of another stream of the pattern', ''),
    emptied('manifest-of-blank-file', 'the same with an empty line in it', '\n'),
    overwritten(),
    alone(
      'manifest-of-missing-file',
      'the manifest of a second file, which is not here',
      text({ first_seq: whole.size + 1, last_seq: whole.size + 5, size: whole.size + 5 }),
      2,
      `FILES_MISSING ${whole.size + 1}-${whole.size + 5}`,
    ),
    alone('valid-manifest-without-file', 'the manifest of a file of the log that has another name by now', text({}), 0),
    alone(
      'valid-manifest-of-another-without-file',
      'the manifest of a file that is not here, of a stream that was not named',
      text({ origin: 'other.example.com/payments', last_seq: whole.size + 5 }),
      0,
    ),
    beside(
      'manifest-wrong',
      'a manifest counts one record less',
      signedLog(),
      { record_count: 9 },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-wrong-sha256',
      'a manifest has another digest of the file',
      signedLog(),
      { sha256: '00'.repeat(32) },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-wrong-root',
      'a manifest has another root',
      signedLog(),
      { root: encodeBase64(Buffer.alloc(32)) },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-wrong-bytes',
      'a manifest is about one byte less: not the end of a line',
      signedLog(),
      { bytes: signedLog().manifestOf('').bytes - 1 },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-wrong-signature-algo',
      'a manifest says that the signature is of another algorithm',
      signedLog(),
      { signature_algo: 'ecdsa-p256-sha256' },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-wrong-continues-from',
      'a manifest says that the first file of a stream continues another one',
      signedLog(),
      { continues_from: { origin: signedLog().origin, size: 3, root: encodeBase64(Buffer.alloc(32)) } },
      1,
      'MANIFEST_WRONG',
    ),
    withoutContinuesFrom(),
    beside(
      'manifest-wrong-checkpoint',
      'a manifest has the checkpoint of another size',
      signedLog(),
      { checkpoint: other },
      1,
      'MANIFEST_WRONG',
    ),
    beside(
      'manifest-stale',
      'the tail is cut, the manifest tells of it',
      cutAfter(signedLog(), 9),
      {},
      2,
      'END_UNPROVEN 9',
      'FILES_MISSING 10-14',
    ),
    beside(
      'manifest-behind-file',
      'the last checkpoint line has not been shipped yet, the manifest tells of it',
      cutAfter(signedLog(), 14),
      {},
      2,
      'FILES_MISSING',
    ),
    spoiled('manifest-cut', 'a download of the manifest broke', (one) => Buffer.from(one.slice(0, -40))),
    spoiled('manifest-in-utf-16', 'a program wrote the manifest in UTF-16', (one) =>
      Buffer.from(`\ufeff${one}`, 'utf16le'),
    ),
    besideLost(),
    besideCopy(),
    rewritten(),
    beside(
      'manifest-beside-altered-file',
      'a record is changed, the manifest is not',
      edit(signedLog(), 5, '"amount":21', '"amount":20'),
      {},
      1,
      'CHECKSUM_WRONG 5',
    ),
  ];
}
