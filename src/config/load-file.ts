import type { ConfigFile } from './setting.ts';

/**
 * Reads a YAML or JSON file of options. The YAML parser is loaded only here: it takes longer than all else at start.
 *
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, CONFIG_UNKNOWN_OPTION; the message names file, line and option
 */
export async function loadConfigFile(path: string): Promise<ConfigFile> {
  const { readConfigFile } = await import('./file.ts');
  return readConfigFile(path);
}
