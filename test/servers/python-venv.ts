import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { installLock, toolCache } from '../support/tool-cache.ts';

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
export async function ensureVenv(spec: VenvSpec): Promise<string> {
  const directory = join(toolCache(), spec.name);
  const python = join(directory, 'bin', 'python');
  const marker = join(directory, 'installed');
  await mkdir(toolCache(), { recursive: true });
  const release = await installLock(`${directory}.lock`);
  try {
    if ((await readFile(marker, 'utf8').catch(() => '')) === spec.packages.join('\n')) return python;
    const base = await findPython(spec.minimumMinor);
    if (base === undefined) throw new Error(`${spec.name} needs Python >= 3.${spec.minimumMinor}`);
    await rm(directory, { recursive: true, force: true });
    await run(base, ['-m', 'venv', directory]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...spec.packages]);
    await writeFile(marker, spec.packages.join('\n'));
    return python;
  } finally {
    await release();
  }
}
