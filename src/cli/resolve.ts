import { type Flags, loadConfigFile, type Resolution, resolveConfig } from '../internal.ts';
import type { CommandIo } from './command.ts';

/**
 * The configuration of a command: its flags, the environment, and the file that `--config` or `FAPILOG_TAMPER_CONFIG`
 * names. `keyVariables` are variables that hold keys, named by a flag of the command's own.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, CONFIG_UNREADABLE, INSECURE_ENDPOINT
 */
export async function resolveFlags(
  { own, config: flags }: Flags,
  io: CommandIo,
  keyVariables: readonly string[] = [],
): Promise<Resolution> {
  const path = own['config'] ?? io.env['FAPILOG_TAMPER_CONFIG'];
  const file = typeof path === 'string' ? await loadConfigFile(path) : undefined;
  return resolveConfig({ flags, env: io.env, keyVariables, ...(file === undefined ? {} : { file }) });
}
