import { accessSync, constants, existsSync, lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResolvedConfig } from './config/index.ts';
import { isTamperError, systemCode } from './errors.ts';
import { shown } from './foundation/key-like.ts';
import type { DoctorCheck } from './providers/doctor-check.ts';
import { resolveNames, STDOUT, type StreamNames, streamFiles } from './seal/disk/names.ts';
import { checkStateDirectory } from './seal/disk/safe-open.ts';
import { StateFile } from './seal/disk/state.ts';
import { waitingLines, waitingText } from './seal/intake/waiting-lines.ts';
import { checkResumable } from './seal/resume/check-resumable.ts';

/** Whether a start could write the log and its state where a configuration says, and go on. Nothing is written for it. */
export function checkPlaces(config: ResolvedConfig): DoctorCheck[] {
  const names = resolveNames(config);
  const { base, stateDir } = names;
  const checks: DoctorCheck[] = [];
  if (base !== STDOUT)
    checks.push(result('file', base, fileProblem(base), 'Set file to a path in a directory that exists.'));
  const stateProblem = directoryProblem(stateDir);
  checks.push(result('state_dir', stateDir, stateProblem, 'Set state_dir to a directory of its own.'));
  if (stateProblem === undefined) checks.push(...checkStream(names));
  const waiting = waitingLines(config);
  if (waiting !== undefined) checks.push({ name: 'kept lines', outcome: 'ok', detail: waitingText(waiting) });
  return checks;
}

/** What a start refuses, as far as it can be told without one. */
function checkStream({ origin, base, stateDir, stream }: StreamNames): DoctorCheck[] {
  try {
    if (existsSync(stateDir)) checkStateDirectory(stateDir);
    const state = new StateFile(streamFiles(stateDir, stream).state, { assertHeld: () => undefined }).read();
    // a stream of a chain goes on where the newest of its states says, which a start finds
    if (base !== STDOUT && state?.continuedBy === undefined) checkResumable(state, origin, base);
    return [];
  } catch (error) {
    if (!isTamperError(error)) throw error;
    const { code, message, hint } = error;
    return [{ name: 'stream', outcome: 'failed', code, detail: message, ...(hint !== undefined && { hint }) }];
  }
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
  const directory = dirname(path);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) return directoryProblem(directory);
  return refusalOf(path, () => {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return directoryProblem(directory);
    if (there.isSymbolicLink()) return 'it is a symbolic link';
    return there.isFile() ? accessProblem(path, constants.R_OK | constants.W_OK) : 'it is not a regular file';
  });
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
  return refusalOf(path, () => {
    accessSync(path, mode);
    return undefined;
  });
}

/** @returns what `look` finds, or the code of the system's refusal to look */
function refusalOf(path: string, look: () => string | undefined): string | undefined {
  try {
    return look();
  } catch (error) {
    if (systemCode(error) !== '') return `${shown(path)}: ${systemCode(error)}`;
    throw error;
  }
}
