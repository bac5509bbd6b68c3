import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';

/** One installer at a time, of all processes; a lock whose process is gone is taken over. */
export async function installLock(path: string): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, String(process.pid));
  try {
    while (!(await linked(own, path))) {
      const owner = Number(await readFile(path, 'utf8').catch(() => '')); // released meanwhile
      if (owner > 0 && !isAlive(owner)) await removeOf(owner, path);
      else await wait(100);
    }
  } finally {
    await rm(own);
  }
  return () => rm(path, { force: true });
}

/** With its content at once: a lock without an owner would never be taken over. */
async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the lock of a process that is gone, and no other: whoever may remove one holds a claim, so that between reading and
 * removing nobody takes the lock over.
 */
async function removeOf(owner: number, path: string): Promise<void> {
  const claim = `${path}.claim`;
  const own = `${claim}.${randomUUID()}`;
  await writeFile(own, String(process.pid));
  try {
    if (!(await linked(own, claim))) {
      const claimer = Number(await readFile(claim, 'utf8').catch(() => '')); // released meanwhile
      if (claimer > 0 && !isAlive(claimer)) await rm(claim, { force: true });
      return;
    }
    try {
      if (Number(await readFile(path, 'utf8').catch(() => '')) === owner) await rm(path);
    } finally {
      await rm(claim);
    }
  } finally {
    await rm(own);
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

/**
 * Installs something into a folder of the cache unless it is there, and returns the folder. `what` says what belongs there: where
 * something else was installed, or the installation did not come to its end, the folder is made anew.
 */
export async function installed(
  name: string,
  what: string,
  install: (into: string) => Promise<unknown>,
): Promise<string> {
  const place = join(toolCache(), name);
  const marker = join(place, 'installed');
  const release = await installLock(`${place}.lock`);
  try {
    if ((await readFile(marker, 'utf8').catch(() => '')) === what) return place;
    await rm(place, { recursive: true, force: true });
    await mkdir(place);
    await install(place);
    await writeFile(marker, what);
    return place;
  } finally {
    await release();
  }
}
