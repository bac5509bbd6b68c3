import { carrierLine } from './carrier-target.ts';
import { recordProof } from './evidence-target.ts';
import { configFile, gzip, knownFile, policy, publicKeys } from './file-targets.ts';
import { logTargets } from './log-targets.ts';
import type { Target } from './target.ts';
import {
  controlEntry,
  entryLine,
  inputLine,
  keyText,
  manifest,
  note,
  recoveredKeys,
  stateRecord,
  vkey,
} from './text-targets.ts';

/** Every parser of ours that reads what somebody else wrote. */
export const targets: readonly Target[] = [
  entryLine,
  controlEntry,
  inputLine,
  note,
  vkey,
  manifest,
  stateRecord,
  keyText,
  recoveredKeys,
  policy,
  configFile,
  knownFile,
  publicKeys,
  gzip,
  carrierLine,
  recordProof,
  ...logTargets,
];
