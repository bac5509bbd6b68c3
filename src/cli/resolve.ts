import { loadConfigFile, type Resolution, resolveConfig } from '../internal.ts';
import type { Call, CommandIo } from './command.ts';
import type { FlagSet } from './flags.ts';

/**
 * The configuration of a command: its flags, the environment, and the file that `--config` or `FAPILOG_TAMPER_CONFIG`
 * names. `keyVariables` are variables that hold keys, named by a flag of the command's own.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, CONFIG_UNREADABLE, INSECURE_ENDPOINT
 */
export async function resolveCall(
  {
    flags: own,
    config: flags,
  }: Pick<Call<FlagSet>, 'config'> & { readonly flags: { readonly config: string | undefined } },
  io: CommandIo,
  keyVariables: readonly string[] = [],
): Promise<Resolution> {
  const path = own.config ?? io.env['FAPILOG_TAMPER_CONFIG'];
  const file = path === undefined ? undefined : await loadConfigFile(path);
  return resolveConfig({ flags, env: io.env, keyVariables, ...(file === undefined ? {} : { file }) });
}
