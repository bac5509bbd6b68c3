import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { numbers } from '../support/numbers.ts';
import { times } from '../support/tier.ts';
import { listPath, recordsOf } from './reader.ts';
import { JOURNAL, makeScene, type Scene } from './scene.ts';

/**
 * Whoever can write to the logs, the memory, the lists and the journal, but has no key of the journal, does not get a forged log
 * past the next audits: honest nights, then one attack, or two at once (spec/journal.md, section 4).
 */

const VICTIM = 'fleet/b';
/** What an attacker can put back to an earlier night. */
const PARTS = {
  memory: ['memory'],
  journal: ['journal.jsonl', 'journal.jsonl.manifest.json', 'state'],
  lists: ['journal.jsonl.nights'],
} as const;
type Part = keyof typeof PARTS;

const idOf = (stream: string): string => createHash('sha256').update(stream).digest('hex');

/** The past of an auditor. */
class History {
  readonly scene: Scene;
  nights = 0;
  /** Files of the victim in each night; the first stands for the time before the first night. */
  readonly files: number[] = [0];
  /** Whether the last honest night was ok. */
  isOk = true;
  lastRoot = '';

  constructor(scene: Scene) {
    this.scene = scene;
  }

  keep(): void {
    for (const part of ['memory', 'journal', 'lists'] as const)
      for (const name of PARTS[part]) {
        mkdirSync(this.scene.path('kept', String(this.nights)), { recursive: true });
        if (existsSync(this.scene.path(name)))
          cpSync(this.scene.path(name), this.scene.path('kept', String(this.nights), name), { recursive: true });
      }
  }

  put(part: Part, night: number): void {
    for (const name of PARTS[part]) {
      rmSync(this.scene.path(name), { recursive: true, force: true });
      const kept = this.scene.path('kept', String(night), name);
      if (existsSync(kept)) cpSync(kept, this.scene.path(name), { recursive: true });
    }
  }

  /** The text that a memory holds of a stream. */
  text(stream: string, memory = 'memory'): string | undefined {
    const folder = this.scene.path(memory, idOf(stream));
    const [name] = existsSync(folder) ? readdirSync(folder).sort().reverse() : [];
    return name === undefined ? undefined : readFileSync(join(folder, name), 'utf8');
  }

  /** Puts a text in its place, with the digest that it needs. */
  remember(stream: string, text: string | undefined): void {
    const folder = this.scene.path('memory', idOf(stream));
    const [name = '000000000001.json'] = existsSync(folder) ? readdirSync(folder).sort().reverse() : [];
    rmSync(folder, { recursive: true, force: true });
    if (text === undefined) return;
    mkdirSync(folder, { recursive: true });
    const [, before = text] = /^(.*),"digest":"[0-9a-f]{64}"\}\n$/s.exec(text) ?? [];
    const digest = createHash('sha256').update(before).digest('hex');
    writeFileSync(join(folder, name), `${before},"digest":"${digest}"}\n`);
  }
}

type Below = (n: number) => number;

/** Some honest nights. */
async function honest(below: Below): Promise<History> {
  const scene = await makeScene();
  const history = new History(scene);
  history.keep();
  const now = { a: 1, b: 2, c: 1 };
  let isRetired = false;
  for (const name of ['a', 'b', 'c'] as const) scene.ship(name, now[name]);
  const count = 2 + below(3);
  for (let night = 1; night <= count; night++) {
    const what = night === 1 ? 0 : below(6);
    if (what === 1) scene.ship('b', ++now.b);
    if (what === 2) scene.ship('a', ++now.a);
    if (what === 3 && night === count) {
      scene.ship('b', 0);
      now.b = 0;
    }
    isRetired = what === 4 && night === count;
    const audited = await scene.audit(...(isRetired ? ['--origin', 'fleet/a', '--origin', 'fleet/c'] : []));
    expect([audited.stderr, audited.journal]).toEqual(['', isRetired ? [`${JOURNAL} JOURNAL_RETIRED`] : []]);
    // the files of a stream that is not named any more are there
    expect(audited.code).toBe(now.b === 0 ? 1 : isRetired ? 2 : 0);
    history.files.push(now.b);
    history.nights = night;
    history.isOk = now.b !== 0;
    history.lastRoot = scene.ended.at(-1)?.root ?? '';
    history.keep();
  }
  return history;
}

/** What becomes of the victim's log. */
const LOGS = {
  none: () => undefined,
  fork: ({ scene, files }: History) => scene.ship('b', Math.max(1, files.at(-1) ?? 0), 'other'),
  'longer fork': ({ scene, files }: History) => scene.ship('b', (files.at(-1) ?? 0) + 1, 'other'),
  prefix: ({ scene, files }: History) => scene.ship('b', Math.max(...files) - 1),
  gone: ({ scene }: History) => scene.ship('b', 0),
  'no beginning': ({ scene, files }: History) => {
    scene.ship('b', Math.max(...files));
    const folder = scene.path('logs', 'b');
    const [first = ''] = readdirSync(folder)
      .filter((one) => one.includes('.jsonl'))
      .sort((one, other) => seqOf(folder, one) - seqOf(folder, other));
    for (const name of readdirSync(folder)) if (name.startsWith(first)) rmSync(join(folder, name));
  },
} as const;

const seqOf = (folder: string, name: string): number =>
  Number(/"seq":(\d+)/.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? Number.MAX_SAFE_INTEGER);

interface Attack {
  readonly name: string;
  readonly part: Part | 'none';
  /** Whether it hides a night by itself, whatever the logs are. */
  readonly hides?: boolean;
  /** Whether nothing but a person can say that it was honest. */
  readonly sticky?: boolean;
  readonly act: (history: History, below: Below) => Promise<void> | void;
}

/** An audit of the forger's, over what lies there now. */
async function forgedText({ scene, text }: { scene: Scene; text: History['text'] }): Promise<string | undefined> {
  const now = new Date(Date.parse('2026-11-25T00:00:30Z')).toISOString();
  rmSync(scene.path('forged'), { recursive: true, force: true });
  const where = ['--memory', 'forged', '--public-key', 'fleet.pub', '--origin', 'fleet/*'];
  await scene.run(['audit', 'logs', ...where, '--stopped-after', '100d', '--now', now]);
  return text(VICTIM, 'forged');
}

const memoryAttacks: Attack[] = [
  {
    name: 'any fields of its text',
    part: 'memory',
    act: async (history, below) => {
      const forged = await forgedText({ scene: history.scene, text: history.text.bind(history) });
      const real = history.text(VICTIM);
      if (forged === undefined || real === undefined) return history.remember(VICTIM, forged ?? real);
      const [one, other] = [JSON.parse(real), JSON.parse(forged)];
      for (const field of Object.keys({ ...one.streams[0], ...other.streams[0] }))
        if (field !== 'origin' && (field === 'files' || below(2) === 0))
          one.streams[0][field] = other.streams[0][field];
      if (below(2) === 0) one.streams[0].whole = '2099-01-01T00:00:00.000Z';
      delete one.digest;
      history.remember(VICTIM, JSON.stringify(one).slice(0, -1));
    },
  },
  {
    name: 'files and newest of the forger, all else as it was',
    part: 'memory',
    act: async (history) => {
      const forged = await forgedText({ scene: history.scene, text: history.text.bind(history) });
      const real = history.text(VICTIM);
      if (forged === undefined || real === undefined) return;
      const [one, other] = [JSON.parse(real), JSON.parse(forged)];
      one.streams[0] = { ...one.streams[0], files: other.streams[0].files };
      delete one.digest;
      history.remember(VICTIM, JSON.stringify(one).slice(0, -1));
    },
  },
  {
    name: 'the text that the forger would have',
    part: 'memory',
    act: async (history) =>
      history.remember(VICTIM, await forgedText({ scene: history.scene, text: history.text.bind(history) })),
  },
  {
    name: 'the texts of two streams swapped',
    part: 'memory',
    act: (history) => {
      const [one, other] = [history.text(VICTIM), history.text('fleet/a')];
      history.remember(VICTIM, other);
      history.remember('fleet/a', one);
    },
  },
  { name: 'its text removed', part: 'memory', act: (history) => history.remember(VICTIM, undefined) },
  {
    name: 'all removed',
    part: 'memory',
    sticky: true,
    act: ({ scene }) => rmSync(scene.path('memory'), { recursive: true, force: true }),
  },
  {
    name: "the journal's head removed",
    part: 'memory',
    sticky: true,
    act: (history) => history.remember(JOURNAL, undefined),
  },
];

const headAttacks: Attack[] = [
  {
    name: "the journal's head of an earlier night",
    part: 'memory',
    act: (history, below) =>
      history.remember(JOURNAL, history.text(JOURNAL, `kept/${1 + below(history.nights)}/memory`)),
  },
  {
    name: "another stream's head for the journal's",
    part: 'memory',
    sticky: true,
    act: (history) => {
      const other = `${JOURNAL}/20261125T000000Z-00000000`;
      const text = history.text(JOURNAL)?.replaceAll(`"origin":"${JOURNAL}"`, `"origin":"${other}"`);
      history.remember(JOURNAL, text?.replaceAll(`"newest":"${JOURNAL}\\n`, `"newest":"${other}\\n`));
    },
  },
];

const backTo = (part: Part): Attack => ({
  name: `${part} of an earlier night`,
  part,
  ...(part === 'journal' && { hides: true }),
  sticky: true,
  act: (history, below) => history.put(part, below(history.nights)),
});

const journalAttacks: Attack[] = [
  backTo('journal'),
  {
    name: 'cut at a line',
    part: 'journal',
    hides: true,
    act: ({ scene }, below) => {
      const lines = readFileSync(scene.file, 'utf8').split('\n').slice(0, -1);
      // its last lines are the close and its checkpoints
      const left = lines.slice(0, 1 + below(lines.length - 4));
      writeFileSync(scene.file, `${left.join('\n')}\n`);
      rmSync(scene.path('journal.jsonl.manifest.json'), { force: true });
      if (below(2) === 0) rmSync(scene.path('state'), { recursive: true, force: true });
    },
  },
];

/** Changes the list of the last night of the history, which the journal may not have any more. */
const listed =
  (change: (bytes: Buffer, below: Below) => Buffer): Attack['act'] =>
  ({ lastRoot, scene }, below) => {
    const path = listPath(scene.file, lastRoot);
    writeFileSync(path, change(readFileSync(path), below));
  };

const listAttacks: Attack[] = [
  backTo('lists'),
  {
    name: 'the last list removed',
    part: 'lists',
    hides: true,
    act: ({ lastRoot, scene }) => rmSync(listPath(scene.file, lastRoot)),
  },
  {
    name: 'a byte of the last list',
    part: 'lists',
    hides: true,
    act: listed((bytes, below) => {
      const at = below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 + below(255));
      return bytes;
    }),
  },
  {
    name: 'the last LF of the last list',
    part: 'lists',
    hides: true,
    act: listed((bytes) => bytes.subarray(0, -1)),
  },
];

const all = [...memoryAttacks, ...headAttacks, backTo('memory'), ...journalAttacks, ...listAttacks];
const none: Attack = { name: 'nothing else', part: 'none', act: () => undefined };
const pairs = all.flatMap((one) => all.filter(({ part }) => part > one.part).map((other) => [one, other] as const));

/** Whether memory and journal are those of one earlier moment: then nothing tells it from that moment (section 4). */
function isPast({ scene }: History, attacks: readonly Attack[], logs: string): boolean {
  const [memory] = attacks.filter(({ part }) => part === 'memory');
  if (memory === undefined || attacks.every(({ part }) => part !== 'journal')) return false;
  const isNew = !existsSync(scene.path('memory')) && recordsOf(scene.file).every(({ of }) => of === undefined);
  // of a memory in which nothing was changed since, the head is all that is later
  if (memory === headAttacks[0]) return logs === 'none';
  return isNew || memory.name.endsWith('earlier night');
}

it('no attack gets a forged log past an audit, and none of them is forgotten', async () => {
  const wrong: string[] = [];
  for (let seed = 1; seed <= times(1, 18); seed++) {
    const below = numbers(Math.imul(seed, 0x9e3779b1));
    const history = await honest(below);
    const { scene } = history;
    const { nights } = scene;
    const some = pairs.filter((_, at) => at % 9 === seed % 9);
    for (const [one, other] of [...all.map((each) => [each, none] as const), ...some]) {
      const logs = Object.keys(LOGS)[below(6)] as keyof typeof LOGS;
      const what = `seed ${seed}, ${nights} nights (${history.files.join(' ')} files): ${one.part}: ${one.name}; ${other.name}; log: ${logs}`;
      LOGS[logs](history);
      await one.act(history, below);
      await other.act(history, below);
      const isOver = isPast(history, [one, other], logs);
      // files of two nights may be the same: then nothing was changed
      const isForged = logs !== 'none' && !(logs === 'gone' && history.files.at(-1) === 0);
      const hides = [one, other].some((each) => each.hides);
      for (let night = 1; night <= 3 && !isOver; night++) {
        const { code, lines } = await scene.audit();
        if (code === 0 && (isForged || hides)) wrong.push(`${what}: 0 in night ${night}`);
        const sticky = [one, other].some((each) => each.sticky) || hides;
        if (night === 3 && !isForged && !sticky && history.isOk && code !== 0)
          wrong.push(
            `${what}: ${code} in night 3: ${JSON.stringify([...lines.values()].filter(({ verdict }) => verdict !== 'ok'))}`,
          );
        if (!isForged && !sticky && lines.get('fleet/c')?.verdict !== 'ok') wrong.push(`${what}: c is not ok`);
      }
      for (const part of ['memory', 'journal', 'lists'] as const) history.put(part, history.nights);
      scene.ship('b', history.files.at(-1) ?? 0);
      scene.nights = nights;
    }
  }
  expect(wrong).toEqual([]);
}, 3_000_000);
