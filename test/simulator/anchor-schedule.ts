import { type AnchorSetup, PLANTED } from './anchored.ts';
import { ANCHOR_KINDS, type AnchorMood } from './anchors.ts';
import { type Operation, POSSIBLE } from './faults.ts';
import { Random } from './random.ts';
import { type Schedule, type Setup, type Step, scheduleOf } from './schedule.ts';

/** Histories of a log and its anchors: it grows, is rolled back, grows past what an anchor has seen; anchors are away, full, emptied; strangers put things into them. */

const MOODS: readonly AnchorMood[] = ['well', 'well', 'away', 'hangs', 'loses', 'babbles'];

/** What a seed stands for: one half of them are logs to which nobody does anything, whatever happens to their writer. */
export function anchoredScheduleOf(seed: number): Schedule {
  const random = new Random(seed + 0xa2c402);
  const isHonest = random.chance(0.5);
  const base = scheduleOf(seed, false);
  const setup = { ...base.setup, listens: true, anchors: anchorsOf(random) };
  return isHonest ? honest(random, { ...base, setup }) : hostile(random, seed, setup);
}

function anchorsOf(random: Random): AnchorSetup {
  const one = random.pick(ANCHOR_KINDS);
  return {
    kinds: ANCHOR_KINDS.filter((kind) => kind === one || random.chance(0.3)),
    keeping: random.weighted({ newest: 5, last: 2, nothing: 1 }),
    isHere: random.chance(0.5),
  };
}

/** What may happen to a writer, with an anchor. */
function honest(random: Random, { seed, setup, steps }: Schedule): Schedule {
  const mixed: Step[] = [];
  for (const step of steps) {
    if (step.do === 'second writer') continue;
    if (random.chance(step.do === 'start' ? 0.35 : 0.15)) mixed.push(...anchorSteps(random));
    if (step.do === 'exit' && random.chance(0.7)) mixed.push({ do: 'wait', ms: 4_000 });
    mixed.push(step.do === 'start' && random.chance(0.1) ? { ...step, anchors: 'none' } : step);
  }
  return { seed, setup: withAnchors(setup), steps: mixed };
}

/** Somebody rolls the log and its state back. Nothing else fails, so that only the anchors are in question. */
function hostile(random: Random, seed: number, { config, ...setup }: Setup): Schedule {
  const steps: Step[] = [];
  for (let life = random.between(2, 6); life > 0; life--) {
    steps.push(random.chance(0.25) ? { do: 'start', anchors: 'none' } : { do: 'start' });
    for (let left = random.between(1, 4); left > 0; left--) {
      steps.push(write(random));
      steps.push({ do: 'wait', ms: random.pick([0, 20, 300, 1_500, 6_000]) });
      if (random.chance(0.1)) steps.push(random.pick<Step>([{ do: 'new key' }, { do: 'rotate' }, { do: 'save' }, { do: 'archive' }]));
      if (random.chance(0.15)) steps.push(...anchorSteps(random));
    }
    steps.push(...random.weighted({ closed: 6, hurried: 2, killed: 2 }) === 'closed'
      ? [{ do: 'close', lines: 0 }, { do: 'wait', ms: 4_000 }, { do: 'exit' }] as const
      : random.pick<readonly Step[]>([[{ do: 'close', lines: 0 }, { do: 'exit' }], [{ do: 'kill' }], [{ do: 'power cut' }]]));
    if (random.chance(0.4)) steps.push({ do: 'save' });
    if (random.chance(0.2)) steps.push({ do: 'new key' });
    if (random.chance(0.25)) steps.push(...anchorSteps(random));
    if (random.chance(0.45)) steps.push({ do: 'roll back', to: random.between(0, 3), isSame: random.chance(0.5) });
  }
  const isNewStream = !config.rotateChain && random.chance(0.3);
  const checkpoints = { checkpointMaxRecords: random.pick([1, 5, 20]), keyCacheTtlSeconds: random.pick([1, 300]) };
  const policies = { onFailure: 'warn', onStateConflict: isNewStream ? 'new_stream' : 'error' } as const;
  const changed = { ...config, ...checkpoints, ...policies, maxPendingBytes: 16_777_216 };
  return { seed, setup: withAnchors({ ...setup, config: changed }), steps };
} // biome-ignore format: short

function withAnchors({ config, ...setup }: Setup): Setup {
  const names = { file: '/anchor/a.jsonl', address: 'https://anchor.example.com/audit', bucket: 's3://anchor/audit' };
  return { ...setup, config: { ...config, anchors: (setup.anchors?.kinds ?? []).map((kind) => names[kind]) } };
}

function write(random: Random): Step {
  return { do: 'write', lines: random.between(1, 12), bytes: random.pick([40, 400]), together: random.chance(0.4) };
}

function anchorSteps(random: Random): Step[] {
  const which = random.between(0, 2);
  const short = { do: 'wait', ms: random.pick([20, 300]) } as const;
  switch (random.weighted({ mood: 4, missing: 2, well: 3, plant: 4, fault: 2, room: 2, empty: 0.5 })) {
    case 'mood':
      return [{ do: 'anchor', which, mood: random.pick(MOODS) }];
    case 'missing': {
      const long: Step = { do: 'wait', ms: random.pick([1_500, 12_000]) };
      const mood = random.pick(['away', 'hangs', 'loses', 'babbles'] as const);
      return [{ do: 'anchor', which, mood }, write(random), long, { do: 'anchor', which, mood: 'well' }, write(random), long];
    }
    case 'well':
      return [{ do: 'anchor', which, mood: 'well' }];
    case 'plant':
      return [{ do: 'plant', which, what: random.pick(PLANTED), size: random.pick([1, 3, 7, 20, 1_000, 9_007_199_254_740_991]) }];
    case 'room':
      return [{ do: 'room', on: 'anchor', bytes: random.between(0, 600) }, write(random), short, { do: 'flush' }, { do: 'heal' }];
    case 'empty':
      return [{ do: 'empty anchor', which }];
    case 'fault': {
      const operation = random.pick<Operation>(['open', 'create', 'read', 'write', 'sync', 'stat', 'fstat', 'close']);
      // one that is out of sight is away
      const errno = random.pick(POSSIBLE[operation].filter((one) => one !== 'ENOENT'));
      const lasts = random.chance(0.5) ? { times: random.between(1, 3) } : { ms: random.pick([5, 2_500, 20_000]) };
      return [{ do: 'fault', fault: { on: 'anchor', errno, operations: [operation], skip: random.between(0, 3), ...lasts } }];
    }
  }
} // biome-ignore format: short
