import { type Flags, loadConfigFile, type Resolution, resolveConfig } from '../index.ts';
import type { CommandIo } from './command.ts';

/**
 * The configuration of a command: its flags, the environment, and the file that `--config` or `FAPILOG_TAMPER_CONFIG`
 * names.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, CONFIG_UNREADABLE, INSECURE_ENDPOINT
 */
export async function resolveFlags({ own, config: flags }: Flags, io: CommandIo): Promise<Resolution> {
  const path = own['config'] ?? io.env['FAPILOG_TAMPER_CONFIG'];
  const file = typeof path === 'string' ? await loadConfigFile(path) : undefined;
  return resolveConfig({ flags, env: io.env, ...(file === undefined ? {} : { file }) });
}
