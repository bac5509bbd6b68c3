import type { BothSides, Case } from './both-sides.ts';
import { type Disagreement, disagree } from './disagreement.ts';
import { Draft } from './draft.ts';

const MOST_TRIES = 60;

/** The same disagreement with what the auditor does not need left out, and with as few lines as some tries can tell. */
export async function minimised(found: Disagreement, sides: BothSides, honest: boolean): Promise<Disagreement> {
  let best = found;
  let tries = 0;
  const better = async (one: Case): Promise<boolean> => {
    if (++tries > MOST_TRIES || one.files.length === 0) return false;
    const { ours, theirs } = await sides.judge(one);
    if (theirs === undefined || disagree(ours, theirs, honest) !== found.why) return false;
    if (ours.verdict !== found.ours.verdict || theirs.verdict !== found.theirs.verdict) return false;
    best = { ...best, case: one, ours, theirs };
    return true;
  };
  for (const name of Object.keys(found.case.brings)) {
    if (name === 'origin' || name === 'now' || name === 'data_keys' || name === 'vkeys') continue;
    const { [name as 'held']: _gone, ...brings } = best.case.brings;
    await better({ ...best.case, brings });
  }
  await better({ ...best.case, manifests: [] });
  if (honest || best.case.files.some(({ name }) => name.endsWith('.gz'))) return best; // perhaps damaged
  for (let size = 32; size >= 1; size >>= 1) {
    for (let end = Draft.of(best.case.files).items.length; end > 0 && tries < MOST_TRIES; end -= size) {
      const draft = Draft.of(best.case.files);
      await better({ ...best.case, files: draft.with(draft.items.toSpliced(Math.max(0, end - size), size)).toFiles() });
    }
  }
  return best;
}
