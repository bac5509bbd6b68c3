import { TamperError } from '../errors.ts';
import {
  type CarrierName,
  loadCheckpoint,
  loadPolicy,
  loadPublicKeys,
  loadTimestamp,
  loadWitnesses,
  type PublicKeyName,
} from '../index.ts';
import { configuredKeys, type Resolution, type VerificationKeys, type VerifyOptions, variableOf } from '../internal.ts';
import type { Call, CommandIo } from './command.ts';
import { carrier, count, type Flag, list, text, time, under, yes } from './flags.ts';
import { refuseLogs } from './refuse-log.ts';
import { resolveWarning } from './resolve-warning.ts';

/** The flags of a command that verifies, and what each becomes. */
export type VerifyFlags = {
  readonly origin: Flag<readonly string[]>;
  readonly policy: Flag<string | undefined>;
  readonly config: Flag<string | undefined>;
  readonly 'key-env': Flag<readonly string[]>;
  readonly keys: Flag<readonly string[]>;
  readonly 'public-key': Flag<readonly string[]>;
  readonly witness: Flag<readonly string[]>;
  readonly cosignatures: Flag<number | undefined>;
  readonly timestamp: Flag<readonly string[]>;
  readonly 'tsa-certificate': Flag<readonly string[]>;
  readonly known: Flag<string | undefined>;
  readonly since: Flag<readonly string[]>;
  readonly unwrap: Flag<CarrierName | undefined>;
  readonly manifest: Flag<readonly string[]>;
  readonly live: Flag<boolean>;
  readonly now: Flag<Date | undefined>;
  readonly part: Flag<boolean>;
  readonly demux: Flag<boolean>;
  readonly 'accept-successors': Flag<boolean>;
  readonly strict: Flag<boolean>;
  readonly 'max-bytes': Flag<number | undefined>;
  readonly jobs: Flag<number | undefined>;
};

/** What each of them is for. */
export const verifyFlags: VerifyFlags = {
  ...under('Streams and keys', {
    origin: list('NAME', 'the stream; NAME* matches every stream whose name starts with NAME'),
    policy: text('FILE', "the auditor's policy: which streams and keys, how complete, how recent (docs/policy.md)"),
    config: text('FILE', "the writer's configuration: its origin and keys"),
    'key-env': list(
      'VAR',
      'environment variable that contains the data key; NAME=VAR if the policy calls the key NAME',
    ),
    keys: list('PATH', 'a file with the data key, a directory of NAME.key files, or a file written by keys recover'),
    'public-key': list('FILE', 'public keys that may have signed the checkpoints: verifier keys, or a PEM'),
    'accept-successors': yes('also accept signers that a named signer handed over to'),
  }),
  ...under('Witnesses and time stamps', {
    witness: list(
      'VKEY|FILE',
      'verifier key of a witness that must have cosigned the end of the log, or a file: such keys, or a C2SP tlog-policy (docs/witnesses.md)',
    ),
    cosignatures: count('number of witnesses that must have cosigned (default: all of them)'),
    timestamp: list('NAME.tsr', 'a time stamp (RFC 3161); its checkpoint is in NAME.note in the same directory'),
    'tsa-certificate': list('FILE', 'root certificate (PEM) of a time-stamp authority that you trust'),
  }),
  ...under('What you have seen before', {
    known: text(
      'FILE',
      'like known_hosts: the log must contain every checkpoint in this file; updated when the verdict is ok',
    ),
    since: list('NOTE', 'a file with a checkpoint that you kept: the log must continue it'),
  }),
  ...under('How the log is read', {
    unwrap: carrier(
      'what wrapped the lines: docker, cri, loki (logcli --forward -o jsonl), or field:NAME for JSON lines that contain them in the member NAME',
    ),
    manifest: list('PATH', 'a manifest to check in addition to those next to the files'),
    live: yes('the log is still being written: it ends at the newest seal'),
    now: time('the current time, for --live (default: the clock)'),
    part: yes('verify one closed file by itself; --since gives the checkpoint before it'),
    demux: yes('the files contain the mixed lines of several streams'),
    strict: yes('warnings make the verdict undecided'),
    'max-bytes': count('maximum size in bytes of a decompressed .gz (default 64 GiB)'),
    jobs: count(
      'check the records of large files in N extra worker processes, if N is above 1 (not for a .gz, not with --unwrap)',
    ),
  }),
};

/** What a command that verifies was asked to do. */
export interface VerifyRequest {
  readonly options: VerifyOptions;
  /** The configuration that it was put together with. */
  readonly resolution: Resolution;
  readonly close: VerificationKeys['close'];
}

/** The streams that a configuration names: a placeholder may be anything, so the name ends there. */
export function originsOf(given: readonly string[], { config, places }: Resolution): readonly string[] {
  if (given.length > 0) return given;
  if ((places.get('origin') ?? 'default') === 'default') return [];
  const placeholder = config.origin.indexOf('{');
  return [placeholder < 0 ? config.origin : `${config.origin.slice(0, placeholder)}*`];
}

async function publicKeysOf(paths: readonly string[]): Promise<PublicKeyName[]> {
  const keys = paths.map(async (path) => {
    const vkeys = await loadPublicKeys(path);
    return vkeys.map((vkey) => ({ vkey, givenBy: `--public-key ${path}` }));
  });
  return (await Promise.all(keys)).flat();
}

/** Of a command that gives a checkpoint to others. */
export const noteKeyFlag = (where: string): Flag<readonly string[]> =>
  list(
    'FILE',
    `public key of a note key (note_key_file_path of the writer) that must have signed the ${where} too, for readers that know only Ed25519; it counts for nothing`,
  );

/** @throws {@link TamperError} as `loadPublicKeys`; `USAGE` */
export async function noteKeysOf(paths: readonly string[]): Promise<string[]> {
  await refuseLogs({ 'note-key': paths });
  return (await Promise.all(paths.map(loadPublicKeys))).flat();
}

/** One file of the form of a tlog-policy says all; verifier keys are one list, whatever files they stand in. */
function witnessesOf(named: Awaited<ReturnType<typeof loadWitnesses>>[]): VerifyOptions['witnesses'] {
  const lists = named.filter((one) => Array.isArray(one));
  const [policy] = named.filter((one) => !Array.isArray(one));
  if (policy === undefined) return named.length > 0 ? lists.flat() : undefined;
  if (named.length === 1) return policy;
  throw new TamperError('USAGE', 'a tlog-policy says itself which witnesses are enough', {
    hint: 'Name it by the only --witness, and the other witnesses in it.',
  });
}

/** Reads flags, configuration, policy and key files. @throws {@link TamperError} what each of them throws; `USAGE` */
export async function verifyRequest(call: Call<VerifyFlags>, io: CommandIo, needsPaths = true): Promise<VerifyRequest> {
  const { flags, positionals } = call;
  if (needsPaths && positionals.length === 0)
    throw new TamperError('USAGE', 'name the files to verify, or - for standard input');
  await refuseLogs(flags);
  const keyVariables = flags['key-env'];
  // of a writer on this host: no verification uses it, so it need not fit to the keys here
  const { FAPILOG_TAMPER_NOTE_KEY_FILE_PATH: _, ...env } = io.env;
  const resolution = await resolveWarning(call, { ...io, env }, keyVariables.map(variableOf));
  const policy = flags.policy === undefined ? undefined : await loadPolicy(flags.policy);
  const keyPaths = flags.keys;
  const publicKeys = await publicKeysOf(flags['public-key']);
  const byFlag = { keyPaths, keyVariables, publicKeys: publicKeys.length > 0 };
  const { close, ...keys } = await configuredKeys({ resolution, policy, ...byFlag, env: io.env });
  const witnesses = witnessesOf(await Promise.all(flags.witness.map(loadWitnesses)));
  const { cosignatures } = flags;
  const authorities = flags['tsa-certificate'];
  const timestamps = await Promise.all(flags.timestamp.map((path) => loadTimestamp(path, authorities)));
  const held = await Promise.all(flags.since.map(loadCheckpoint));
  const origin = originsOf(flags.origin, resolution);
  const { known, now, unwrap } = flags;
  const maxBytes = flags['max-bytes'];
  return {
    close,
    resolution,
    options: {
      paths: positionals,
      input: io.stdin(),
      publicKeys,
      held,
      ...keys,
      ...(witnesses !== undefined && { witnesses }),
      ...(timestamps.length > 0 && { timestamps }),
      ...(cosignatures !== undefined && { cosignatures }),
      manifests: flags.manifest,
      part: flags.part,
      demux: flags.demux,
      strict: flags.strict,
      acceptSuccessors: flags['accept-successors'],
      jobs: flags.jobs ?? 1,
      ...(origin.length > 0 && { origin }),
      continued: flags.origin.length === 0, // what a writer's configuration names, it may also have begun anew
      ...(policy !== undefined && { policy }),
      ...(known !== undefined && { known }),
      ...(unwrap !== undefined && { unwrap }),
      ...(flags.live && { live: true }),
      ...(now !== undefined && { now }),
      ...(maxBytes !== undefined && { maxBytes }),
    },
  };
}
