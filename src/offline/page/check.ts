import { proofsAmong } from '../../api/proof-files.ts';
import { loadPublicKeys } from '../../api/public-keys.ts';
import { TamperError } from '../../errors.ts';
import { isManifest, manifestsAlone } from '../../foundation/log-file-names.ts';
import { readText } from '../../foundation/read-text.ts';
import { loadCheckpoint } from '../../verify/auditor/held-notes.ts';
import {
  advanceAll,
  formatKnown,
  KNOWN_LIMIT,
  type KnownStreams,
  parseKnown,
  type SeenStream,
} from '../../verify/auditor/known-streams.ts';
import type { PublicKeyName } from '../../verify/auditor/options.ts';
import { loadPolicy, type Policy } from '../../verify/auditor/policy.ts';
import type { CarrierName } from '../../verify/carrier/carrier.ts';
import { isCarrierName } from '../../verify/carrier/carriers.ts';
import type { VerifyReport } from '../../verify/verdict/report.ts';
import { verify } from '../../verify/verify.ts';
import { place } from './platform/folder.ts';
import type { GivenFile, Request } from './request.ts';

/** The command `verify` for files that were dropped into the page: the same reading of what was given, the same verifier. */

/** What came of it. */
export interface Checked {
  readonly report: VerifyReport;
  /** The file of known checkpoints for the next time, where the verdict is ok. */
  readonly known: string | undefined;
}

/** Where what the auditor gives lies: never where a file that was dropped as a log could be taken for it: no file's name has such a character. */
const AUDITOR = '\0auditor';

/** @throws {@link TamperError} what the command line throws for the same files */
export async function check(request: Request, onProgress: (read: number, total: number) => void): Promise<Checked> {
  const { logs, origins, live, part, strict, acceptSuccessors, maxBytes, now } = request;
  for (const { path, blob } of logs) place(path, blob);
  // a manifest is read with its file; one whose file is not here says that entries are missing
  const alone = manifestsAlone(logs.map(({ path }) => path));
  const paths = [...new Set(logs.map(topOf))].filter((path) => !isManifest(path) || alone.has(path));
  if (paths.length === 0) throw new TamperError('USAGE', 'no sealed file was given', { hint: 'Drop the log files.' });
  // not among logs, nor under another name
  if ((await proofsAmong(paths)) !== undefined) {
    throw new TamperError('USAGE', 'this page checks proofs of records, but no proofs of streams', {
      hint: 'On the command line: fapilog-tamper verify NAME.stream-proof',
    });
  }
  const unwrap = carrierOf(request.unwrap);
  const { publicKeys, policy, streams, notes } = await broughtBy(request);
  const known = [...streams.values()].flatMap(({ first, newest }) => [first, newest]);
  const report = await verify({
    paths,
    publicKeys,
    held: [...notes, ...known],
    now,
    part,
    strict,
    acceptSuccessors,
    ...(policy !== undefined && { policy }),
    ...(origins.length > 0 && { origin: origins }),
    ...(live && { live }),
    ...(unwrap !== undefined && { unwrap }),
    ...(maxBytes !== undefined && { maxBytes }),
    verifyOnline,
    quoteLines: !request.withoutLines,
    digestFiles: true,
    onProgress,
  });
  return { report, known: report.verdict === 'ok' ? formatKnown(advanceAll(streams, seenBy(report))) : undefined };
}

function carrierOf(name: string): CarrierName | undefined {
  if (name === '' || isCarrierName(name)) return name === '' ? undefined : name;
  throw new TamperError('USAGE', 'what wrapped the lines is docker, cri, loki or field:NAME');
}

/** A signature of a named key that only its service can check. */
async function verifyOnline(): Promise<never> {
  throw new TamperError('UNSUPPORTED_OPERATION', 'this page asks no key service: verify on the command line');
}

/** A folder that was given stands for every file below it; one that the page made to tell names apart does not. */
function topOf({ path, given }: GivenFile): string {
  const slash = given.indexOf('/');
  return slash < 0 ? path : path.slice(0, path.length - given.length + slash);
}

function placed(kind: string, { path, blob }: GivenFile): string {
  const own = `${AUDITOR}/${kind}/${path}`;
  place(own, blob);
  return own;
}

/** What the auditor gave is called by its own name: a message must not speak of where the page put it. */
async function named<T>(read: (path: string) => Promise<T>, kind: string, file: GivenFile): Promise<T> {
  const own = placed(kind, file);
  try {
    return await read(own);
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    const { hint } = error;
    throw new TamperError(error.code, error.message.replaceAll(`${AUDITOR}/${kind}/`, ''), {
      ...(hint !== undefined && { hint }),
      cause: error,
    });
  }
}

/** What the auditor brings, whatever is to be verified. */
export async function broughtBy({ publicKeys, policy, known }: Request): Promise<Brought> {
  return { publicKeys: await publicKeysOf(publicKeys), policy: await policyOf(policy), ...(await heldOf(known)) };
}

interface Brought {
  readonly publicKeys: readonly PublicKeyName[];
  readonly policy: Policy | undefined;
  readonly streams: KnownStreams;
  readonly notes: readonly string[];
}

async function publicKeysOf(files: readonly GivenFile[]): Promise<PublicKeyName[]> {
  const keys: PublicKeyName[] = [];
  for (const file of files) {
    const vkeys = await named(loadPublicKeys, 'keys', file);
    keys.push(...vkeys.map((vkey) => ({ vkey, givenBy: `public key ${file.path}` })));
  }
  return keys;
}

/** One of the files is the policy; the others are checkpoints that it may name as pins. */
async function policyOf(files: readonly GivenFile[]): Promise<Policy | undefined> {
  if (files.length === 0) return undefined;
  const [policy, second] = files.filter(({ path }) => /\.(ya?ml|json)$/i.test(path));
  if (policy === undefined || second !== undefined) {
    throw new TamperError('USAGE', 'give one policy (.yaml, .yml or .json), and the checkpoints that it names as pins');
  }
  const twice = files.find(({ path, given }) => path !== given);
  if (twice !== undefined) {
    throw new TamperError('USAGE', `two files named ${twice.given} were given with the policy`, {
      hint: 'Remove the one that the policy does not refer to.',
    });
  }
  for (const file of files) placed('policy', file);
  return named(loadPolicy, 'policy', policy);
}

async function heldOf(files: readonly GivenFile[]): Promise<{ streams: KnownStreams; notes: readonly string[] }> {
  let streams: KnownStreams = new Map();
  const notes: string[] = [];
  for (const file of files) {
    if (!file.path.endsWith('.json')) {
      notes.push(await named(loadCheckpoint, 'known', file));
      continue;
    }
    if (streams.size > 0) throw new TamperError('USAGE', 'give one file of known checkpoints');
    streams = await named(async (path) => parseKnown(await readText(path, KNOWN_LIMIT), path), 'known', file);
  }
  return { streams, notes };
}

function seenBy({ streams }: VerifyReport): SeenStream[] {
  return streams.flatMap(({ origin, firstSeq: from, firstCheckpoint: first, checkpoint: newest }) =>
    first === undefined || newest === undefined ? [] : [{ origin, first, newest, from }],
  );
}
