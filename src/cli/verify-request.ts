import { loadCheckpoint, loadPolicy, loadPublicKeys, type PublicKeyName, TamperError } from '../index.ts';
import { configuredKeys, type Flags, type Resolution, type VerificationKeys, type VerifyOptions } from '../internal.ts';
import type { CommandIo } from './command.ts';
import { countFlag, listFlag, textFlag, timeFlag } from './own-flags.ts';
import { resolveFlags } from './resolve.ts';

/** What a command that verifies was asked to do. The caller closes the keys. */
export interface VerifyRequest {
  readonly options: VerifyOptions;
  readonly keys: Pick<VerificationKeys, 'close'>;
}

/** The streams that a configuration names: a placeholder may be anything, so the name ends there. */
function originsOf(flags: Flags, { config, places }: Resolution): string[] {
  const given = listFlag(flags, 'origin');
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

/** Reads flags, configuration, policy and key files. @throws {@link TamperError} what each of them throws; `USAGE` */
export async function verifyRequest(flags: Flags, io: CommandIo): Promise<VerifyRequest> {
  if (flags.positionals.length === 0)
    throw new TamperError('USAGE', 'name the files to verify, or - for standard input');
  const keyVariables = listFlag(flags, 'key-env');
  const resolution = await resolveFlags(
    flags,
    io,
    keyVariables.map((given) => given.slice(given.lastIndexOf('=') + 1)),
  );
  const policyPath = textFlag(flags, 'policy');
  const policy = policyPath === undefined ? undefined : await loadPolicy(policyPath);
  const keyPaths = listFlag(flags, 'keys');
  const publicKeys = await publicKeysOf(listFlag(flags, 'public-key'));
  const byFlag = { keyPaths, keyVariables, publicKeys: publicKeys.length > 0 };
  const keys = await configuredKeys({ resolution, policy, ...byFlag, env: io.env });
  const held = await Promise.all(listFlag(flags, 'since').map(loadCheckpoint));
  const origin = originsOf(flags, resolution);
  const known = textFlag(flags, 'known');
  const now = timeFlag(flags, 'now');
  const maxBytes = countFlag(flags, 'max-bytes');
  const { own } = flags;
  return {
    keys,
    options: {
      paths: flags.positionals,
      input: io.stdin,
      publicKeys,
      held,
      dataKeys: keys.dataKeys,
      confirmSigner: keys.confirmSigner,
      signerNamed: keys.signerNamed,
      verifyOnline: keys.verifyOnline,
      manifests: listFlag(flags, 'manifest'),
      part: own['part'] === true,
      demux: own['demux'] === true,
      strict: own['strict'] === true,
      acceptSuccessors: own['accept-successors'] === true,
      jobs: countFlag(flags, 'jobs') ?? 1,
      ...(origin.length > 0 && { origin }),
      continued: listFlag(flags, 'origin').length === 0, // what a writer's configuration names, it may also have begun anew
      ...(policy !== undefined && { policy }),
      ...(known !== undefined && { known }),
      ...(own['live'] === true && { live: true }),
      ...(now !== undefined && { now }),
      ...(maxBytes !== undefined && { maxBytes }),
    },
  };
}
