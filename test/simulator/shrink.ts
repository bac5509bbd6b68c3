import type { Schedule, Step } from './schedule.ts';
import { simulate } from './simulation.ts';
import type { Tree } from './tree.ts';

/** Whether a schedule still shows a violation of this class. */
async function shows(tree: Tree, schedule: Schedule, what: string): Promise<boolean> {
  const { violations } = await simulate(tree, schedule);
  return violations.some((one) => one.what === what);
}

/** A shorter schedule that shows the same: steps are dropped, then made smaller, as long as that helps. */
export async function shrink(tree: Tree, schedule: Schedule, what: string): Promise<Schedule> {
  let best = schedule;
  const attempt = async (steps: readonly Step[], setup = best.setup): Promise<boolean> => {
    const next = { ...best, steps, setup };
    if (!(await shows(tree, next, what))) return false;
    best = next;
    return true;
  };
  for (let before = Number.POSITIVE_INFINITY; best.steps.length < before; ) {
    before = best.steps.length;
    for (let size = Math.max(1, before >> 1); size >= 1; size >>= 1) {
      for (let at = best.steps.length - size; at >= 0; at -= size) await attempt(best.steps.toSpliced(at, size));
    }
    for (let at = 0; at < best.steps.length; at++) {
      for (const smaller of simpler(best.steps[at] as Step)) await attempt(best.steps.with(at, smaller));
    }
  }
  for (const name of Object.keys(best.setup.config)) {
    const { [name as 'file']: _dropped, ...config } = best.setup.config;
    if (!/^(?:key|file|origin|state|use|signing|anchors)/.test(name))
      await attempt(best.steps, { ...best.setup, config });
  }
  return best;
}

/** Simpler forms of a step. */
function simpler(step: Step): Step[] {
  switch (step.do) {
    case 'write':
      return [{ ...step, lines: 1 }, { ...step, lines: step.lines >> 1 || 1 }, { ...step, bytes: 40 }, { ...step, together: false }]; // biome-ignore format: short
    case 'wait':
    case 'busy':
      return [
        { ...step, ms: 0 },
        { ...step, ms: step.ms >> 1 },
      ];
    case 'close':
      return [{ ...step, lines: 0 }];
    case 'fault': {
      const { fault } = step;
      return [
        { ...step, fault: { ...fault, skip: 0 } },
        { ...step, fault: { ...fault, skip: fault.skip >> 1 } },
        // what is out of sight is so to every call
        ...(fault.errno === 'ENOENT' ? [] : fault.operations).map(
          (one): Step => ({ ...step, fault: { ...fault, operations: [one] } }),
        ),
      ];
    }
    default:
      return [];
  }
}
