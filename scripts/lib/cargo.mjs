// Where cargo is: on the path, or where rustup puts it.
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

const works = (name) => spawnSync(name, ['--version'], { encoding: 'utf8', timeout: 20_000 });

/** How cargo is called. */
export const cargo =
  ['cargo', join(homedir(), '.cargo', 'bin', 'cargo')].find((name) => works(name).status === 0) ?? 'cargo';

/** What it says of itself; undefined where it is not here. */
export const cargoVersion = () => {
  const { status, stdout } = works(cargo);
  return status === 0 ? stdout.trim() : undefined;
};
