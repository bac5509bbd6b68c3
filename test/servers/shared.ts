import { relative, sep } from 'node:path';
import type { TestProject } from 'vitest/node';
import { neededBy } from '../../scripts/test/suites.mjs';
import { inParallel, sayOnStderr } from './progress.ts';
import type { SharedServers } from './running.ts';
import { packages, servers } from './servers.ts';

/** Before any test of the project: installs and starts what the selected files need, all at once, and nothing else. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { root } = project.vitest.config;
  const files = project.vitest.state
    .getPaths()
    .filter((path) => project.matchesTestGlob(path))
    .map((path) => relative(root, path).replaceAll(sep, '/'));
  const needed = neededBy(files);
  const addresses: Partial<SharedServers> = {};
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.splice(0).map((one) => one()));
  };
  const start = async (name: keyof SharedServers): Promise<void> => {
    const { address, stop: end } = await servers[name](Math.min(files.length, project.config.maxWorkers));
    stops.push(end);
    Object.assign(addresses, { [name]: address });
  };
  try {
    await inParallel(
      'starting',
      Object.fromEntries([
        ...needed.packages.map((name) => [name, packages[name]] as const),
        ...needed.servers.map((name) => [name, () => start(name)] as const),
      ]),
      sayOnStderr,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('servers', addresses);
  return stop;
}
