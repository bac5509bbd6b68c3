import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as verifier from '../../src/index.ts';
import { scratchDirectory } from '../interop/differential/scratch.ts';
import { compileTree, type Tree } from '../simulator/tree.ts';
import { times } from '../support/tier.ts';
import {
  alteredCampaign,
  attackCampaign,
  changesCampaign,
  claimsCampaign,
  copiesCampaign,
  cutsCampaign,
  demandsCampaign,
  encodingsCampaign,
  honestCampaign,
  liesCampaign,
  limitsCampaign,
  looksCampaign,
  partsCampaign,
  piecesCampaign,
  readsCampaign,
  type Violation,
} from './histories.ts';

/** A short share of `npm run histories`, and seeds that a verifier once judged wrongly. */

const directory = scratchDirectory();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Asked = typeof honestCampaign;

async function said(campaign: Asked, seed: number, count: number, writer?: Tree): Promise<string[]> {
  const violations: string[] = [];
  const onViolation = ({ seed: at, what, says }: Violation): void => {
    violations.push(`seed ${at} (${what}): ${says.join('; ')}`);
  };
  await campaign({ verifier, ...(writer && { writer }), seed, count, directory, onViolation });
  return violations;
}

describe('honest histories', () => {
  it.each([
    ['a held checkpoint of what came after a crash', [13, 89, 91]],
    ['a shipped copy of a crashed host without its first lines', [323, 324, 517]],
    ['empty lines with converted line endings', [3, 69, 71]],
    ['mixed streams with converted line endings', [373, 432, 1170]],
    ['a flipped bit in a compressed file', [1, 5, 22]],
    ['a backup or a converted copy beside the log', [10, 23, 48]],
    ['no key, or the wrong one', [65, 248, 393]],
    ['a file that was cut inside a checkpoint line', [351, 438]],
    ['a line that a crash tore, and a file that was cut behind it', [701303, 701637]],
    ['lines that a crash lost, cut before what took their place', [12534]],
    ['a backup of a crashed host beside a damaged file', [950763]],
    ['a damaged file in the middle of one of several logs', [1853, 2065, 2903, 2969]],
    ['a copy that ends behind a line that a crash tore', [9001347]],
    ['a backup of a crashed host, and the log written again by a tool', [20013445]],
    ['a backup without its last line beside a damaged file', [20000923]],
    ['a backup with lines that a crash lost beside a damaged file, and a stream that goes on', [620107348]],
  ])('are not called tampered: %s', async (_what, seeds) => {
    const all: string[] = [];
    for (const seed of seeds) all.push(...(await said(honestCampaign, seed, 1)));
    expect(all).toEqual([]);
  });

  it('are told as what they are, cause first', async () => {
    expect(await said(honestCampaign, 1, times(7, 400))).toEqual([]);
  });
});

describe('pieces of honest logs', () => {
  it('are not called tampered, whichever of them are here, also without a hand-over that lies between', async () => {
    for (const seed of [3296, 3509, 4393]) expect(await said(piecesCampaign, seed, 1)).toEqual([]);
    expect(await said(piecesCampaign, 1, times(4, 400))).toEqual([]);
  });
});

describe('copies of honest logs', () => {
  it('are told from forks and from other logs, whatever their line endings and empty lines', async () => {
    expect(await said(copiesCampaign, 1, times(6, 400))).toEqual([]);
  });
});

describe('copies of crashed hosts', () => {
  it('are not called tampered where they end inside the open that went back', async () => {
    expect(await said(cutsCampaign, 1, times(4, 400))).toEqual([]);
  });
});

describe('logs in another encoding', () => {
  it('are not called tampered, and never ok', async () => {
    expect(await said(encodingsCampaign, 1, times(14, 400))).toEqual([]);
  });

  it('contradict no stream that goes on from one, where an older copy is read instead', async () => {
    expect(await said(encodingsCampaign, 540000516, 2)).toEqual([]);
  });
});

describe('attacks', () => {
  it.each([39, 68, 80])(
    'are not taken more lightly where a file was emptied and not deleted (seed %i)',
    async (seed) => {
      expect(await said(attackCampaign, seed, 1)).toEqual([]);
    },
  );

  it.each([1811, 4174, 6838, 10259, 12823, 13782, 15546])(
    'are not ok where files were emptied or overwritten and their manifests are left (seed %i)',
    async (seed) => {
      expect(await said(attackCampaign, seed, 1)).toEqual([]);
    },
  );

  it('are never ok', async () => {
    expect(await said(attackCampaign, 1, times(5, 400))).toEqual([]);
  });
});

describe('records that were changed before a hole, or before the first open', () => {
  it('never pass as proven', async () => {
    expect(await said(claimsCampaign, 1, times(10, 400))).toEqual([]);
  });
});

describe('altered records of signed logs', () => {
  it('are named, and nothing else; the rest is proven, unless a checksum was made anew', async () => {
    expect(await said(alteredCampaign, 1, 25)).toEqual([]);
  });
});

describe('whole logs', () => {
  it.each([
    ['are told as they are, whatever way they are read', looksCampaign, times(23, 400)],
    ['give back what was written', readsCampaign, times(10, 400)],
    ['of which one thing was changed are told as that', changesCampaign, times(21, 400)],
    ['at the end of what is kept and done are undecided above it alone', limitsCampaign, times(2, 16)],
    ['with one lie of somebody who has every key', liesCampaign, times(26, 400)],
    ['meet what they have of what is demanded, and nothing more', demandsCampaign, times(26, 400)],
  ] as const)('%s', async (_what, campaign, count) => {
    expect(await said(campaign, 1, count)).toEqual([]);
  });
});

describe('logs of the writer itself', () => {
  let writer: Tree;
  beforeAll(async () => {
    writer = await compileTree('.');
  });

  it.each([
    ['honest histories', honestCampaign, times(5, 200)],
    ['copies', copiesCampaign, times(2, 200)],
    ['single files', partsCampaign, times(2, 200)],
    ['attacks', attackCampaign, times(4, 200)],
    ['altered records', alteredCampaign, times(2, 50)],
    ['ways of reading', looksCampaign, times(4, 200)],
    ['what is read out of them', readsCampaign, times(2, 200)],
    ['changes', changesCampaign, times(2, 200)],
    ['demands', demandsCampaign, times(2, 200)],
  ] as const)(
    '%s',
    async (_what, campaign, count) => {
      expect(await said(campaign, 1, count, writer)).toEqual([]);
    },
    600_000,
  );

  it.each([
    ['a run that nothing signs yet is unsigned, and so nobody answers for its keys', [484, 485, 2712, 2717]],
    ['a seal may stand among entries that are not here', [1985]],
  ])('%s', async (_what, seeds) => {
    const all: string[] = [];
    for (const seed of seeds) all.push(...(await said(honestCampaign, seed, 1, writer)));
    expect(all).toEqual([]);
  });

  it('a compressed file that is cut inside the header of its second member contradicts nothing that is held', async () => {
    expect(await said(honestCampaign, 21, 1, writer)).toEqual([]);
  });
});
