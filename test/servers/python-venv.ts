import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A virtual environment that a test server runs in. It is made once, outside the tree. */
export interface VenvSpec {
  /** The folder's name in the cache; change it with the packages. */
  readonly name: string;
  readonly packages: readonly string[];
  /** The lowest minor version of Python 3 that the server really runs on. */
  readonly minimumMinor: number;
}

/** Where test servers are kept: never inside the tree. */
function serverCache(): string {
  const { XDG_CACHE_HOME } = process.env;
  const base = XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'fapilog-tamper-test');
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
  const directory = join(serverCache(), spec.name);
  const python = join(directory, 'bin', 'python');
  const marker = join(directory, 'installed');
  await mkdir(serverCache(), { recursive: true });
  const release = await lock(`${directory}.lock`);
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

/** One installer at a time; a lock whose process is gone is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
    else await wait(100);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
