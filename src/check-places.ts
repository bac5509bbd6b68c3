import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResolvedConfig } from './config/index.ts';
import { systemCode } from './errors.ts';
import { shown } from './foundation/key-like.ts';
import type { DoctorCheck } from './providers/doctor-check.ts';
import { resolveNames, STDOUT } from './seal/disk/names.ts';
import { waitingLines, waitingText } from './seal/intake/waiting-lines.ts';

/** Whether the log and its state can be written where a configuration says. Nothing is written for it. */
export function checkPlaces(config: ResolvedConfig): DoctorCheck[] {
  const { base, stateDir } = resolveNames(config);
  const checks: DoctorCheck[] = [];
  if (base !== STDOUT)
    checks.push(result('file', base, fileProblem(base), 'Set file to a path in a directory that exists.'));
  checks.push(result('state_dir', stateDir, directoryProblem(stateDir), 'Set state_dir to a directory of its own.'));
  const waiting = waitingLines(config);
  if (waiting !== undefined) checks.push({ name: 'kept lines', outcome: 'ok', detail: waitingText(waiting) });
  return checks;
}

function result(name: string, path: string, problem: string | undefined, hint: string): DoctorCheck {
  if (problem === undefined) return { name, outcome: 'ok', detail: `${shown(path)} can be written` };
  return {
    name,
    outcome: 'failed',
    code: 'WRITE_FAILED',
    detail: `${shown(path)} cannot be written: ${problem}`,
    hint,
  };
}

function fileProblem(path: string): string | undefined {
  if (!existsSync(path))
    return existsSync(dirname(path)) ? directoryProblem(dirname(path)) : 'its directory does not exist';
  return statSync(path).isFile() ? accessProblem(path, constants.R_OK | constants.W_OK) : 'it is not a regular file';
}

/** A directory that does not exist is made, so the nearest one that does counts. */
function directoryProblem(path: string): string | undefined {
  if (!existsSync(path)) {
    const parent = dirname(path);
    return parent === path ? 'there is no such directory' : directoryProblem(parent);
  }
  return statSync(path).isDirectory()
    ? accessProblem(path, constants.W_OK | constants.X_OK)
    : `${shown(path)} is not a directory`;
}

function accessProblem(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    if (systemCode(error) !== '') return `${shown(path)}: ${systemCode(error)}`;
    throw error;
  }
}
