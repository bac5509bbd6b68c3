import { suites, unavailableSuites } from '../../scripts/test/suites.mjs';
import { inParallel, sayOnStderr, type Tasks } from './progress.ts';
import { packages } from './servers.ts';

/**
 * Installs what the tests need, outside the tree: everything that this machine can use, or what is named. What is there is left as it
 * is.
 *
 * @throws Error naming each package that could not be installed, and why
 */
export async function install(names: readonly string[]): Promise<void> {
  const known: Tasks = packages;
  const unknown = names.filter((name) => !Object.hasOwn(known, name));
  if (unknown.length > 0) {
    throw new Error(`there is no package ${unknown.join(', ')}: ${Object.keys(known).join(', ')}`);
  }
  const away = unavailableSuites().map(({ suite }) => suite);
  const usable = suites.filter((suite) => !away.includes(suite));
  const wanted = new Set<string>(usable.flatMap(({ servers = [], packages: more = [] }) => [...servers, ...more]));
  const chosen = Object.entries(known).filter(([name]) => (names.length > 0 ? names.includes(name) : wanted.has(name)));
  await inParallel('installing', Object.fromEntries(chosen), sayOnStderr);
}
