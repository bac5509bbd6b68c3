import type { VerifyReport } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, type History } from './history.ts';
import { placedLines } from './truth.ts';
import type { World } from './world.ts';

/** A file of a host that crashed was copied with lines that the host lost, and cut inside the open that went back below them. */

/** Undefined where no crash of the world left lines in a file that others follow. */
export function makeCut(random: Random, world: World): History | undefined {
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
