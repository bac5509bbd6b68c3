import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { digestBytes, sha256 } from '../core/hash.ts';
import { isError, isTamperError, TamperError, type TamperErrorCode } from '../errors.ts';
import { type MacKeyReference, noteKeyOf, signersOf } from '../format/key-reference.ts';
import { checkOrigin } from '../format/origin.ts';
import { spokenFingerprint } from '../format/spoken-fingerprint.ts';
import { formatVkey, type NoteKey, parseVkey } from '../format/vkey.ts';
import { openRegular, readError } from '../foundation/regular-file.ts';
import { serviceOfName } from '../keys/identity.ts';
import { algorithmOf, canonicalSpki } from '../keys/public-key.ts';
import { readKeyFile } from '../providers/internal/key-file.ts';
import { decodeKey } from '../providers/internal/key-text.ts';
import { loadPolicy, type PolicyPublicKey } from '../verify/auditor/policy.ts';
import type { CarrierName } from '../verify/carrier/carrier.ts';
import { type KeyPeriod, keyPeriods } from '../verify/show/key-periods.ts';
import { loadPublicKeys } from './public-keys.ts';
import { eraseRecovered, keyFileKindAt, readRecoveredKeys } from './recovery/recovered-key-file.ts';

/** What the keys in some files are, for people who compare them: nothing here is secret, and nothing is verified. */

/** A public key. */
export interface ShownPublicKey {
  readonly algorithm: string;
  /** `sha256:` and the hex of SHA-256(SPKI), as `keygen` and the report print it; absent for a MAC key of a service. */
  readonly fingerprint?: string;
  /** The same hex in groups of four. */
  readonly spoken?: string;
  /** The verifier key, where the name of a stream is known. */
  readonly vkey?: string;
}

/** A signer that a log names. */
export interface ShownSigner extends ShownPublicKey {
  readonly source: string;
  readonly identity: string;
}

/** The data key of a key period, as a log or a file of recovered keys names it. Nothing of it is the key. */
export interface ShownDataKey {
  readonly source: string;
  readonly identity: string;
  /** The fingerprint of this key in this key period alone (`fp` in hex), and in groups of four. */
  readonly fingerprint: string;
  readonly spoken: string;
}

/** A key period of a log. */
export interface ShownPeriod {
  readonly origin?: string;
  readonly keyId: string;
  readonly firstSeq: number;
  /** Below `firstSeq` where no entry under it was seen. */
  readonly lastSeq: number;
  /** What introduces it: the `why` of an open, or `hand-over`. */
  readonly introducedBy: string;
  readonly mode: 'data key' | 'signing' | 'both';
  readonly dataKey?: ShownDataKey & { readonly wrapped: boolean };
  readonly signers: readonly ShownSigner[];
}

interface Range {
  readonly fromSeq: number;
  readonly untilSeq?: number;
}

/** What a file turned out to be. */
export type ShownKeys =
  | { readonly kind: 'public keys'; readonly path: string; readonly keys: readonly ShownPublicKey[] }
  | { readonly kind: 'signing key'; readonly path: string; readonly key: ShownPublicKey }
  /** 32 bytes: a data key, or the seed of a signing key. Nothing is computed from it. */
  | { readonly kind: 'secret key'; readonly path: string; readonly name: string }
  | {
      readonly kind: 'recovered data keys';
      readonly path: string;
      readonly keys: readonly (ShownDataKey & {
        readonly origin: string;
        readonly keyId: string;
        readonly named: string;
      })[];
    }
  | {
      readonly kind: 'policy';
      readonly path: string;
      readonly streams: readonly {
        readonly origin: string;
        readonly dataKeys: readonly (Range & { readonly name: string; readonly source: string })[];
        readonly publicKeys: readonly (Range & ShownPublicKey)[];
      }[];
    }
  | {
      readonly kind: 'log';
      readonly paths: readonly string[];
      readonly periods: readonly ShownPeriod[];
      /** What kept the reading from a file's end, and what was passed over. */
      readonly problems: readonly string[];
      /** Whether these are all of its key periods: a log may name more than a verifier reads. */
      readonly complete: boolean;
    };

/** How files are looked at. */
export interface ShowKeysOptions {
  /** The bytes behind the path `-`. */
  readonly input?: Readable;
  readonly unwrap?: CarrierName | undefined;
  /** The stream whose name goes into the verifier key of a PEM. */
  readonly origin?: string | undefined;
}

const KEY_FILE = '.key';
/** No key text is longer, in bytes. */
const KEY_LIMIT = 4096;
/** So much of a file says what it is, in bytes: an open is no longer (M1.8). */
const HEAD = 65_536;
const GZIP = Buffer.of(0x1f, 0x8b);
/** What a file is refused with that holds no key, or one of another kind: a certificate, a key of ssh. */
const NO_KEY: readonly TamperErrorCode[] = ['FORMAT_INVALID', 'KEY_MALFORMED', 'KEY_WRONG_USAGE'];

/**
 * Says which keys are in these files, each of whatever kind: public keys, key files, policies, files of recovered keys, sealed logs.
 * All paths that are logs are taken as one.
 *
 * @throws {@link TamperError} `FORMAT_INVALID` for a file that is none of these, `ORIGIN_INVALID`, `NOT_FOUND`, `READ_FAILED`, and
 *   what key files and policies are refused with
 */
export async function showKeys(paths: readonly string[], options: ShowKeysOptions = {}): Promise<ShownKeys[]> {
  const { origin, unwrap, input } = options;
  if (origin !== undefined) checkOrigin(origin);
  const shown: ShownKeys[] = [];
  const logs: string[] = [];
  for (const path of paths) {
    const isLog = path === '-' || unwrap !== undefined;
    const names = isLog ? undefined : await namesIn(path);
    if (isLog) logs.push(path);
    else if (names !== undefined) {
      for (const name of names) {
        const one = await showBeside(join(path, name), origin);
        if (one !== undefined) shown.push(one);
      }
      if (names.length === 0 || names.some((name) => !name.endsWith(KEY_FILE))) logs.push(path);
    } else {
      const one = await showFile(path, origin);
      if (one === undefined) logs.push(path);
      else shown.push(one);
    }
  }
  if (logs.length === 0) return shown;
  const log = await showLog(logs, input, unwrap);
  if (log.periods.length === 0 && shown.length > 0) return shown;
  const isShown = (problem: string): boolean =>
    shown.some((one) => 'path' in one && problem.startsWith(`${one.path}: `));
  return [...shown, { ...log, problems: log.problems.filter((problem) => !isShown(problem)) }];
}

/** The keys that lie in a directory: `NAME.key`, and public keys by the names that keygen and others give them. */
async function showBeside(path: string, origin: string | undefined): Promise<ShownKeys | undefined> {
  if (!/\.(key|pub|pem)$/.test(path)) return undefined;
  try {
    return await showFile(path, origin);
  } catch (error) {
    if (!path.endsWith(KEY_FILE) && isTamperError(error) && NO_KEY.includes(error.code)) return undefined;
    throw error;
  }
}

/** The names in a directory, in their order; undefined for what is none. */
async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    return (await stat(path)).isDirectory() ? (await readdir(path)).sort() : undefined;
  } catch (error) {
    throw readError(path, error, 'Check the path, and that you may read it.');
  }
}

/** Undefined for what can only be a log. */
async function showFile(path: string, origin: string | undefined): Promise<ShownKeys | undefined> {
  if ((await keyFileKindAt(path)) === 'recovered data keys') return showRecovered(path);
  const head = await headOf(path);
  try {
    if (head.includes('-----BEGIN')) {
      return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pemLabels(head))
        ? await showSigningKey(path, origin)
        : await showPublicKeys(path, origin);
    }
    if (isKey(head)) {
      (await readKeyFile(path, KEY_LIMIT)).fill(0); // refused where others may read it
      return { kind: 'secret key', path, name: basename(path, KEY_FILE) };
    }
    if (head.subarray(0, GZIP.length).equals(GZIP) || head.includes('"integrity"')) return undefined;
    const lines = head.toString('latin1').split('\n');
    const first = lines.find((line) => line.trim() !== '' && !line.trim().startsWith('#')) ?? '';
    if (/^[^+\s]+\+[0-9a-f]{8}\+/.test(first.trim())) return await showPublicKeys(path, origin);
    if (/^[^\S\n]*"?streams"?[^\S\n]*:/m.test(head.toString('latin1'))) return await showPolicy(path);
    throw notAKey(path);
  } finally {
    head.fill(0);
  }
}

function notAKey(path: string): TamperError {
  return new TamperError('FORMAT_INVALID', `${path} is not a public key, key file, policy or sealed log`, {
    hint: 'keys show takes PEM files, verifier keys, key files, files of recovered keys, policies, and sealed files or directories of them.',
  });
}

async function headOf(path: string): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await openRegular(path);
    const bytes = Buffer.alloc(HEAD);
    const { bytesRead } = await file.read(bytes, 0, HEAD, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    throw readError(path, error, 'Check the path, and that you may read it.');
  } finally {
    await file?.close();
  }
}

/** The labels of a PEM without what they label. */
function pemLabels(head: Buffer): string {
  const labels: string[] = [];
  for (let at = head.indexOf('-----BEGIN'); at >= 0; at = head.indexOf('-----BEGIN', at + 1)) {
    labels.push(head.toString('latin1', at, Math.min(at + 64, head.indexOf('\n', at) + 1 || head.length)));
  }
  return labels.join('\n');
}

function isKey(head: Buffer): boolean {
  if (head.length > KEY_LIMIT) return false;
  try {
    decodeKey(head, 'a file', true).fill(0);
    return true;
  } catch (error) {
    if (error instanceof TamperError) return false;
    throw error;
  }
}

function shownKey(key: NoteKey, name: string | undefined): ShownPublicKey {
  const vkey = name === undefined ? {} : { vkey: formatVkey(name, key) };
  if (key.algorithm === 'kms-hmac-sha256') return { algorithm: key.algorithm, ...vkey };
  const digest = digestBytes(sha256(key.bytes));
  const fingerprint = `sha256:${digest.toString('hex')}`;
  return { algorithm: key.algorithm, fingerprint, spoken: spokenFingerprint(digest), ...vkey };
}

/** A PEM says no stream, and its loader none that a stream can have. */
async function showPublicKeys(path: string, origin: string | undefined): Promise<ShownKeys> {
  const keys = (await loadPublicKeys(path)).map((vkey) => {
    const { name, key } = parseVkey(vkey);
    return shownKey(key, name === '*' ? origin : name);
  });
  return { kind: 'public keys', path, keys };
}

async function showSigningKey(path: string, origin: string | undefined): Promise<ShownKeys> {
  const bytes = await readKeyFile(path, KEY_LIMIT);
  let key: KeyObject;
  try {
    key = createPublicKey(createPrivateKey({ key: bytes, format: 'pem' }));
  } catch (error) {
    if (!isError(error)) throw error;
    throw new TamperError('KEY_MALFORMED', `${path} contains a private key that cannot be read`); // the cause may quote it
  } finally {
    bytes.fill(0);
  }
  const noteKey = { algorithm: algorithmOf(key, 'pss', path), bytes: canonicalSpki(key) };
  return { kind: 'signing key', path, key: shownKey(noteKey, origin) };
}

async function showRecovered(path: string): Promise<ShownKeys> {
  const keys = await readRecoveredKeys(path, path);
  eraseRecovered(keys);
  return {
    kind: 'recovered data keys',
    path,
    keys: keys.map(({ origin, kid, source, identity, named, fp }) => ({
      origin,
      keyId: kid,
      named,
      ...shownDataKey({ source, identity, fp }),
    })),
  };
}

function shownDataKey({ source, identity, fp }: Pick<MacKeyReference, 'source' | 'identity' | 'fp'>): ShownDataKey {
  return { source, identity, fingerprint: fp.toString('hex'), spoken: spokenFingerprint(fp) };
}

async function showPolicy(path: string): Promise<ShownKeys> {
  const { streams } = await loadPolicy(path);
  return {
    kind: 'policy',
    path,
    streams: streams.map(({ origin, dataKeys, publicKeys }) => ({
      origin,
      dataKeys: dataKeys.map(({ wrap, source, ...range }) => ({
        name: wrap,
        source: source ?? serviceOfName(wrap) ?? 'local',
        ...rangeOf(range),
      })),
      publicKeys: publicKeys.map(({ vkey, ...range }) => {
        const { name, key } = parseVkey(vkey);
        return { ...shownKey(key, name), ...rangeOf(range) };
      }),
    })),
  };
}

function rangeOf({ fromSeq, untilSeq }: Pick<PolicyPublicKey, 'fromSeq' | 'untilSeq'>): Range {
  return { fromSeq, ...(untilSeq < Number.MAX_SAFE_INTEGER && { untilSeq }) };
}

async function showLog(
  paths: readonly string[],
  input: Readable | undefined,
  unwrap: CarrierName | undefined,
): Promise<Extract<ShownKeys, { kind: 'log' }>> {
  const { periods, problems, complete } = await keyPeriods({ paths, unwrap, ...(input !== undefined && { input }) });
  return { kind: 'log', paths, periods: periods.map(shownPeriod), problems, complete };
}

function shownPeriod({ origin, kid, firstSeq, lastSeq, introducedBy, reference }: KeyPeriod): ShownPeriod {
  const signers = signersOf(reference).map((signer) => {
    const { source, identity } = signer;
    return { source, identity, ...shownKey(noteKeyOf(signer), origin) };
  });
  return {
    ...(origin !== undefined && { origin }),
    keyId: kid,
    firstSeq,
    lastSeq,
    introducedBy,
    mode: reference.records === 'hash' ? 'signing' : signers.length > 0 ? 'both' : 'data key',
    ...(reference.records === 'mac' && {
      dataKey: { ...shownDataKey(reference), wrapped: reference.wrapped !== undefined },
    }),
    signers,
  };
}
