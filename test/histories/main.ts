import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scratchDirectory } from '../interop/differential/scratch.ts';
import { compileTree } from '../simulator/tree.ts';
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
import { verifierOf } from './judge.ts';

/**
 * npm run histories -- [--seed S] [--count N] [--of KIND] [--real] [--tree DIRECTORY] [--out DIRECTORY]
 *
 * KIND is one of CAMPAIGNS. `--real`: logs of the writer itself, as the simulator drives it.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '2000' },
    of: { type: 'string', default: 'histories' },
    real: { type: 'boolean', default: false },
    tree: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
    out: { type: 'string' },
  },
});
const CAMPAIGNS = new Map([
  ['histories', honestCampaign],
  ['copies', copiesCampaign],
  ['parts', partsCampaign],
  ['pieces', piecesCampaign],
  ['attacks', attackCampaign],
  ['altered', alteredCampaign],
  ['claims', claimsCampaign],
  ['looks', looksCampaign],
  ['cuts', cutsCampaign],
  ['lies', liesCampaign],
  ['limits', limitsCampaign],
  ['reads', readsCampaign],
  ['changes', changesCampaign],
  ['demands', demandsCampaign],
  ['encodings', encodingsCampaign],
]);
const count = Number(values.count);
const directory = scratchDirectory();
const kinds = new Map<string, number>();

function onViolation({ seed, what, says, history }: Violation): void {
  for (const one of says) kinds.set(one, (kinds.get(one) ?? 0) + 1);
  console.log(`seed ${seed}: ${says.join('; ')} (${history.world.mode}: ${what})`);
  if (values.out === undefined) return;
  const folder = join(values.out, String(seed));
  mkdirSync(folder, { recursive: true });
  for (const { name, bytes } of history.files) writeFileSync(join(folder, name), bytes);
}

try {
  const began = performance.now();
  const verifier = await verifierOf(values.tree);
  const campaign = CAMPAIGNS.get(values.of);
  if (campaign === undefined) throw new Error(`--of is one of ${[...CAMPAIGNS.keys()].join(', ')}`);
  const writer = values.real ? await compileTree(values.tree) : undefined;
  const violations = await campaign({
    verifier,
    ...(writer && { writer }),
    seed: Number(values.seed),
    count,
    directory,
    onViolation,
  });
  const rate = Math.round((count / (performance.now() - began)) * 1000);
  console.log(
    [...kinds]
      .sort(([, a], [, b]) => b - a)
      .map(([kind, times]) => `${times} ${kind}`)
      .join('\n'),
  );
  console.log(`${count} ${values.of}, ${rate} per second, ${violations} violations`);
  process.exitCode = violations === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
