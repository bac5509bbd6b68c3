import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { installed } from '../support/installed.ts';

const run = promisify(execFile);

/** A virtual environment that a test server runs in. It is made once, outside the tree. */
export interface VenvSpec {
  /** The folder's name in the cache; change it with the packages. */
  readonly name: string;
  readonly packages: readonly string[];
  /** The lowest minor version of Python 3 that the server really runs on. */
  readonly minimumMinor: number;
}

/** The first Python 3 that is new enough, on PATH or under pyenv; undefined where there is none. */
async function findPython(minimumMinor: number): Promise<string | undefined> {
  for (const candidate of await pythonCandidates()) {
    const version = await run(candidate, ['-c', 'import sys, venv; print(sys.version_info.minor)']).then(
      ({ stdout }) => Number(stdout.trim()),
      () => 0, // a pyenv shim without a version behind it, or no Python at all: the next candidate
    );
    if (version >= minimumMinor) return candidate;
  }
  return undefined;
}

async function pythonCandidates(): Promise<string[]> {
  const candidates: string[] = [];
  const { PATH = '', PYENV_ROOT } = process.env;
  const pyenv = join(PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  const versions = (await readdir(pyenv).catch(() => [])).filter((name) => /^3\.\d+\.\d+$/.test(name));
  for (const version of versions) candidates.push(join(pyenv, version, 'bin', 'python3'));
  for (const directory of PATH.split(delimiter)) {
    for (const minor of [14, 13, 12, 11, 10]) candidates.push(join(directory, `python3.${minor}`));
    candidates.push(join(directory, 'python3'));
  }
  return candidates;
}

/** Makes the virtual environment unless it is there, and returns the path of its Python. Safe in several processes. */
export async function ensureVenv({ name, packages, minimumMinor }: VenvSpec): Promise<string> {
  const place = await installed(name, packages.join('\n'), async (into) => {
    const base = await findPython(minimumMinor);
    if (base === undefined) throw new Error(`${name} needs Python >= 3.${minimumMinor}`);
    await run(base, ['-m', 'venv', into]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
    await run(join(into, 'bin', 'python'), pip, { timeout: 900_000 });
  });
  return join(place, 'bin', 'python');
}
