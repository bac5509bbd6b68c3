import type { VerifyReport } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { carriers, wrapFile } from '../support/carriers.ts';
import { asSealed, type History } from './history.ts';
import { placedLines } from './truth.ts';
import type { World } from './world.ts';

/**
 * A file of a host that crashed was copied with lines that the host lost, and cut inside the open that went back below them. Or a
 * carrier changed files inside a line, and the older file was cut inside its last piece.
 */

/** Undefined where no crash of the world left lines in a file that others follow, and it cannot be carried. */
export function makeCut(random: Random, world: World): History | undefined {
  const crashed = makeCrashCut(random, world);
  return crashed !== undefined && random.chance(0.5) ? crashed : makeCarrierCut(random, world);
}

function makeCarrierCut(random: Random, world: World): History | undefined {
  if (world.origins.length > 1 || world.has.has('ABANDONED')) return undefined; // of lines that a crash lost a cut tells nothing
  const unwrap = random.pick(carriers);
  const whole = Buffer.concat(world.files.map(({ bytes }) => bytes));
  const lines = linesOf(wrapFile(unwrap, whole, random.pick([50, 400])).bytes).map((line) =>
    Buffer.from([...line, 0x0a]),
  );
  const at = 2 + random.int(lines.length - 2);
  const last = lines[at - 1] as Buffer;
  const older = Buffer.concat([...lines.slice(0, at - 1), last.subarray(0, 1 + random.int(last.length - 1))]);
  return {
    ...asSealed(world, world.dataKeys),
    what: [`cut ${unwrap}`],
    unwrap,
    demux: random.chance(0.2),
    files: [
      { name: '0.log.1', bytes: older },
      { name: '0.log', bytes: Buffer.concat(lines.slice(at)) },
    ],
  };
}

function makeCrashCut(random: Random, world: World): History | undefined {
  const places = world.files.flatMap((file, at) => {
    let last = 0;
    return placedLines([file]).flatMap(({ member, offset, bytes }) => {
      const goesBack = member?.kind === 'open' && (member.seq ?? 0) <= last;
      last = member?.seq ?? last;
      return goesBack && world.files[at + 1]?.origin === file.origin ? [{ at, offset, length: bytes.length }] : [];
    });
  });
  if (places.length === 0 || world.cited.size > 0) return undefined;
  const { at, offset, length } = random.pick(places);
  const { name, bytes } = world.files[at] as World['files'][0];
  const cut = bytes.subarray(0, offset + 1 + random.int(length - 1));
  const publicOnly = world.mode === 'hash' || (world.mode === 'both' && random.chance(0.5));
  return {
    ...asSealed(world, publicOnly ? [] : world.dataKeys),
    what: ['cut'],
    files: world.files.map((file, one) => (one === at ? { name, bytes: cut } : file)),
  };
}

/** What a verifier must not say of it: it was not changed, and what is missing is not proven. */
export const cutViolations = ({ verdict, findings }: VerifyReport): string[] =>
  verdict === 'undecided' ? [] : [`${verdict}: ${[...new Set(findings.map(({ code }) => code))].join(', ')}`];
