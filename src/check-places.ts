import { accessSync, constants, existsSync, lstatSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { modeOf, type ResolvedConfig } from './config/index.ts';
import { isTamperError, systemCode } from './errors.ts';
import { shown } from './foundation/key-like.ts';
import type { DoctorCheck } from './providers/doctor-check.ts';
import { isAddress } from './seal/anchor/anchor-name.ts';
import { holderSeen } from './seal/disk/lock.ts';
import { filesOf, resolveNames, STDOUT, type StreamNames, streamFiles } from './seal/disk/names.ts';
import { checkStateDirectory } from './seal/disk/safe-open.ts';
import { StateFile } from './seal/disk/state.ts';
import { waitingLines, waitingText } from './seal/intake/waiting-lines.ts';
import { checkResumable } from './seal/resume/check-resumable.ts';
import { readContinuation } from './seal/resume/stream-site.ts';
import { checkMode } from './seal/stream/opening.ts';

/** Whether a start could write the log and its state where a configuration says, and go on. Nothing is written for it. */
export function checkPlaces(config: ResolvedConfig): DoctorCheck[] {
  const names = resolveNames(config);
  const { base, stateDir } = names;
  const checks: DoctorCheck[] = [];
  if (base !== STDOUT)
    checks.push(result('file', base, fileProblem(base), 'Set file to a path in a directory that exists and has room.'));
  const stateProblem = directoryProblem(stateDir);
  checks.push(result('state_dir', stateDir, stateProblem, 'Set state_dir to a directory of its own that has room.'));
  if (stateProblem === undefined) checks.push(...checkStream(names, config));
  for (const anchor of config.anchors.filter((name) => !isAddress(name))) {
    const problem = existsSync(dirname(resolve(anchor))) ? fileProblem(anchor) : 'its directory does not exist';
    const check = result('anchors', anchor, problem, 'Name files in directories that exist and have room.');
    // a start goes on without one that has no place, and refuses one that is no file of its own
    const isWithout = problem !== undefined && problem !== A_LINK && problem !== NO_FILE;
    checks.push(isWithout ? { ...check, outcome: 'warning' } : check);
  }
  const waiting = waitingLines(config);
  if (waiting !== undefined) checks.push({ name: 'kept lines', outcome: 'ok', detail: waitingText(waiting) });
  return checks;
}

/** What a start refuses, as far as it can be told without one. */
function checkStream({ origin, base, stateDir, stream }: StreamNames, config: ResolvedConfig): DoctorCheck[] {
  const checks: DoctorCheck[] = [];
  try {
    if (existsSync(stateDir)) {
      checkStateDirectory(stateDir);
      const holder = holderSeen(streamFiles(stateDir, stream).prefix);
      if (holder !== undefined) {
        const detail = `process ${holder.pid} on ${holder.host} is writing this stream now: a second writer would be refused`;
        checks.push({ name: 'lock', outcome: 'ok', detail });
      }
    }
    const stateOf = (file: string): StateFile => new StateFile(file, { assertHeld: () => undefined }, base);
    const state = stateOf(streamFiles(stateDir, stream).state).read();
    const isChecked = state?.continuedBy === undefined && base !== STDOUT;
    const found = isChecked ? checkResumable(state, origin, base) : undefined;
    const next = state?.continuedBy?.origin ?? found; // with which a start goes on
    if (next !== undefined) {
      const last = readContinuation(stateOf(filesOf(stateDir, next).state), next);
      if (base !== STDOUT) checkResumable(last, next, base);
      return checks;
    }
    const { records, signingKey, postQuantumKey, signingIfNoDataKey } = modeOf(config);
    const signers = [signingKey, postQuantumKey].filter((key) => key !== undefined);
    if (!signingIfNoDataKey) checkMode(state?.current?.key, { origin, member: records, signers });
    return checks;
  } catch (error) {
    if (!isTamperError(error)) throw error;
    const { code, message, hint } = error;
    return [
      ...checks,
      { name: 'stream', outcome: 'failed', code, detail: message, ...(hint !== undefined && { hint }) },
    ];
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

const A_LINK = 'it is a symbolic link';
const NO_FILE = 'it is not a regular file';

function fileProblem(path: string): string | undefined {
  const directory = dirname(path);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) return directoryProblem(directory);
  return refusalOf(path, () => {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return directoryProblem(directory);
    if (there.isSymbolicLink()) return A_LINK;
    if (!there.isFile()) return NO_FILE;
    return accessProblem(path, constants.R_OK | constants.W_OK) ?? roomProblem(directory);
  });
}

/** A directory that does not exist is made, so the nearest one that does counts. */
function directoryProblem(path: string): string | undefined {
  if (!existsSync(path)) {
    const parent = dirname(path);
    if (parent === path) return 'there is no such directory';
    const problem = directoryProblem(parent);
    if (problem !== undefined || !existsSync(parent)) return problem;
    return refusalOf(path, () => {
      const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
      return isThere ? `${shown(path)} is a link that leads to nothing` : undefined;
    });
  }
  if (!statSync(path).isDirectory()) return `${shown(path)} is not a directory`;
  return accessProblem(path, constants.W_OK | constants.X_OK) ?? roomProblem(path);
}

/** Of /proc and /sys: `PROC_SUPER_MAGIC`, `SYSFS_MAGIC`. */
const KERNELS_OWN: readonly number[] = [0x9fa0, 0x62656572];

/** What access rights do not show. */
function roomProblem(path: string): string | undefined {
  const { type, blocks, bfree, bavail } = statfsSync(path);
  if (KERNELS_OWN.includes(type)) return `no file can be created in the kernel's ${shown(path)}`;
  const free = process.geteuid?.() === 0 ? bfree : bavail; // some is kept for root
  return blocks > 0 && free === 0 ? 'no space is left (ENOSPC)' : undefined;
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
