import { edKey } from '../keys.ts';
import { signedBody, signedLog } from '../logs.ts';
import { brings, type VectorCase, vector } from '../vector-case.ts';

/** Checkpoints with time stamps that were verified (M8.31). */

const time = '2026-11-24T23:30:00.000Z';
const stamped = (note: string, at = time): { stamped: { note: string; time: string; authority: string }[] } => ({
  stamped: [{ note, time: at, authority: 'O=Test, CN=TSA' }],
});

export function timeStampCases(): VectorCase[] {
  const log = signedLog();
  const other = signedBody().record('{"n":"another history"}').seal();
  return [
    vector(
      'valid-stamped',
      'checkpoints of this log were time-stamped',
      log,
      brings(log, { named: [edKey] }, { stamped: [8, 14].flatMap((size) => stamped(log.note({ size })).stamped) }),
      0,
    ),
    vector(
      'stamped-contradicted',
      'another tree of a size of this log was time-stamped',
      log,
      brings(log, { named: [edKey] }, stamped(log.note({ size: 8, root: other.lastSeal.root }))),
      1,
      'KNOWN_CONTRADICTED 8',
    ),
    vector(
      'stamped-contradicted-cut',
      'a longer log was time-stamped',
      log,
      brings(log, { named: [edKey] }, stamped(other.note())),
      1,
      'KNOWN_CONTRADICTED 14',
    ),
    vector(
      'stamped-early',
      'the time stamp is from before the seal, by more than two clocks may differ',
      log,
      brings(log, { named: [edKey] }, stamped(log.note({ size: 14 }), '2026-11-24T22:55:03.999Z')),
      2,
      'TIMESTAMP_EARLY 14',
    ),
    vector(
      'valid-stamped-skewed',
      'the time stamp is from before the seal, by as much as two clocks may differ',
      log,
      brings(log, { named: [edKey] }, stamped(log.note({ size: 14 }), '2026-11-24T22:55:04.000Z')),
      0,
    ),
    vector(
      'stamped-proves-nothing',
      'who names no key cannot tell whose the stamped log is',
      log,
      brings(log, {}, stamped(log.note({ size: 14 }))),
      2,
      'NO_KEY 1-14',
      'END_UNPROVEN 14',
    ),
  ];
}
