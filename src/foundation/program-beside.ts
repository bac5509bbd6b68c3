import { existsSync } from 'node:fs';
import { extname } from 'node:path';

/**
 * A program of this package that stands beside the module that asks, to be started as a process.
 * Undefined in a bundle, which has put modules together and left the program behind.
 *
 * @param url - `import.meta.url` of the module that asks; bundlers that make CommonJS leave it undefined
 * @param name - the program's file name without its extension, which is that of the module
 */
export function programBeside(url: string | undefined, name: string): URL | undefined {
  if (url === undefined) return undefined;
  const program = new URL(`./${name}${extname(url)}`, url);
  return existsSync(program) ? program : undefined;
}
