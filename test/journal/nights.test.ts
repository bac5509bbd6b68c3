import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { numbers } from '../support/numbers.ts';
import { someOf, times } from '../support/tier.ts';
import { breaks, nightsOf } from './reader.ts';
import { JOURNAL, makeScene, type Scene, type Tip } from './scene.ts';

/** What a night of the journal says is what the audit said, and each goes on from the one before it (spec/journal.md). */

/** J1.3, from the line of the audit. */
const stateOf = ({ result, verdict, files }: { result: string; verdict: string; files: number }): string =>
  result === 'vanished' || result === 'missing'
    ? 'absent'
    : result === 'removed' && files === 0 && verdict === 'ok'
      ? 'retired'
      : verdict;

async function checkLast(
  scene: Scene,
  audited: Awaited<ReturnType<Scene['audit']>>,
  tips: ReadonlyMap<string, Tip | undefined>,
): Promise<void> {
  const nights = scene.ended; // root, number and spelling are checked there
  const last = nights.at(-1);
  const entries = last?.entries ?? new Map();
  for (const [stream, line] of audited.lines)
    if (!stream.endsWith('*')) expect(entries.get(stream)?.state, stream).toBe(stateOf(line));
  for (const [stream, { state, size, root }] of entries) {
    const tip = tips.get(stream);
    if (state === 'ok' && tip !== undefined) expect([stream, size, root]).toEqual([stream, tip.size, tip.root]);
    else if (state !== 'ok') expect([stream, size]).toEqual([stream, undefined]);
  }
  const before = nights.at(-2);
  if (before !== undefined && last !== undefined) expect(breaks(before, last)).toEqual([]);
}

describe('the list of a night', () => {
  it.each([0, 1, 2, 3, ...someOf([254, 255, 256, 257], 2)])(
    'has each of %i streams, under a root that its text gives',
    async (count) => {
      const scene = await makeScene();
      const tips = new Map(Array.from({ length: count }, (_, at) => [`fleet/s${at}`, scene.ship(`s${at}`, 1)]));
      const audited = await scene.audit();
      const missing = count === 0 ? ['fleet/*'] : []; // no stream answers to that name
      const said = [...tips.keys(), ...missing, JOURNAL].sort();
      expect([audited.code, audited.stderr, [...audited.lines.keys()].sort()]).toEqual([count === 0 ? 2 : 0, '', said]);
      await checkLast(scene, audited, tips);
      expect(scene.ended.map(({ streams }) => streams)).toEqual([count + 1]);
    },
  );

  it('goes on from night to night, whatever becomes of the streams', async () => {
    for (let seed = 1; seed <= times(2, 24); seed++) {
      const scene = await makeScene();
      const below = numbers(seed);
      const files = new Map<string, number>();
      const tips = new Map<string, Tip | undefined>();
      const set = (name: string, count: number): void => {
        files.set(name, count);
        tips.set(`fleet/${name}`, scene.ship(name, count));
      };
      for (let at = 0; at < below(9); at++) set(`s${at}`, 1);
      for (let night = 0; night < 6; night++) {
        for (let change = below(5); change > 0; change--) {
          const name = `s${below(12)}`;
          const now = files.get(name) ?? 0;
          const what = below(6);
          if (what < 3) set(name, now + 1);
          else if (what === 3 || now === 0) set(name, 0);
          else if (what === 4) scene.spoil(name);
          else set(name, now); // restored
        }
        const audited = await scene.audit();
        expect(audited.stderr, `seed ${seed}, night ${night}`).toBe('');
        expect(audited.journal, `seed ${seed}, night ${night}`).toEqual([]);
        await checkLast(scene, audited, tips);
      }
    }
  });

  it('has a stream that is retired once, and then no more', async () => {
    const scene = await makeScene();
    for (const name of ['a', 'b', 'c']) scene.ship(name, 1);
    await scene.audit();
    scene.ship('c', 0);
    const narrow = ['--origin', 'fleet/a', '--origin', 'fleet/b'];
    const second = await scene.audit(...narrow);
    expect([second.code, second.journal]).toEqual([0, [`${JOURNAL} JOURNAL_RETIRED`]]);
    expect((await scene.audit(...narrow)).journal).toEqual([]);
    const states = scene.ended.map(({ entries }) => entries?.get('fleet/c')?.state);
    expect(states).toEqual(['ok', 'unnamed', 'unnamed']);
    scene.ship('c', 2);
    const again = await scene.audit();
    expect([again.code, again.journal]).toEqual([0, []]);
    expect(scene.ended.at(-1)?.entries?.get('fleet/c')?.since).toBeDefined(); // it was remembered
  });

  it('has a stream that is gone until what was remembered of it is removed after that, and never forgets it', async () => {
    const scene = await makeScene();
    for (const name of ['a', 'b']) scene.ship(name, 1);
    await scene.audit();
    scene.ship('b', 0);
    const remembered = scene.path('memory', createHash('sha256').update('fleet/b').digest('hex'));
    rmSync(remembered, { recursive: true });
    for (let night = 0; night < 2; night++) {
      const gone = await scene.audit();
      expect([gone.code, gone.lines.get('fleet/b')?.result]).toEqual([1, 'vanished']);
    }
    rmSync(remembered, { recursive: true });
    const later = await scene.audit();
    expect([later.code, later.journal]).toEqual([0, [`${JOURNAL} JOURNAL_RETIRED`]]);
    const quiet = await scene.audit();
    expect([quiet.code, quiet.journal, quiet.lines.has('fleet/b')]).toEqual([0, [], false]);
    const states = scene.ended.map(({ entries }) => entries?.get('fleet/b')?.state);
    expect(states).toEqual(['ok', 'absent', 'absent', 'retired', 'retired']);
    const named = await scene.audit('--origin', 'fleet/a', '--origin', 'fleet/b');
    expect([named.code, named.lines.get('fleet/b')?.result]).toEqual([2, 'missing']);
    scene.ship('b', 2, 'other');
    expect((await scene.audit()).lines.get('fleet/b')?.verdict).toBe('tampered');
    scene.ship('b', 2);
    expect((await scene.audit()).lines.get('fleet/b')?.verdict).toBe('ok');
  });

  it('has a night that began before any stream was read, and says what was asked', async () => {
    const scene = await makeScene();
    scene.ship('a', 1);
    await scene.audit();
    await scene.audit('--origin', 'fleet/a');
    const begun =
      String(scene.read('journal.jsonl')).match(/\{"journal":1,"night":"[^"]+","begins":true,"config":"[^"]{44}"/g) ??
      [];
    expect(begun).toHaveLength(2);
    expect(new Set(begun.map((line) => line.slice(-45))).size).toBe(2);
    expect(nightsOf(scene.file)).toHaveLength(2);
  });
});
