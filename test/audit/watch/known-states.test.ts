import { describe, expect, it } from 'vitest';
import { emptyResult } from '../../../src/audit/check/results.ts';
import { KnownStates } from '../../../src/audit/watch/known-states.ts';
import { TamperError } from '../../../src/errors.ts';
import type { StreamResult } from '../../../src/index.ts';

/** What is news, for what is printed and for the webhook alike. */

const stream = (verdict: StreamResult['verdict'], name = 'a/1'): StreamResult => ({
  ...emptyResult(name, 1, undefined),
  result: 'grown',
  verdict,
});
const files = (result: 'unclaimed' | 'replaced', names: readonly string[], more = 0): StreamResult => ({
  ...emptyResult('', names.length + more, undefined),
  result,
  findings: names.map((file) => ({ code: 'NO_KEY', severity: 'undecided', message: 'm', file })),
  more,
});
const failed = (message: string): StreamResult => emptyResult('', 0, new TamperError('FORMAT_INVALID', message));

/** One round. @returns of each result whether it was news */
function round(known: KnownStates, ...results: readonly StreamResult[]): boolean[] {
  known.beginRound();
  const news = results.map((result) => {
    const one = known.look(result);
    known.note(one.states);
    return one.isNews;
  });
  known.endRound();
  return news;
}

describe('a stream', () => {
  it('is news when its state is another one', () => {
    const known = new KnownStates();
    const verdicts = ['ok', 'undecided', 'undecided', 'tampered', 'tampered', 'ok', 'ok', 'tampered'] as const;
    expect(verdicts.flatMap((verdict) => round(known, stream(verdict)))).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('that was only seen in a round that did not end is forgotten where the next does not see it', () => {
    const known = new KnownStates();
    known.beginRound();
    known.note(known.look(stream('tampered')).states);
    expect(round(known)).toEqual([]);
    expect(round(known, stream('tampered'))).toEqual([true]);
  });
});

describe('files of no stream', () => {
  it.each(['unclaimed', 'replaced'] as const)('are news one by one (%s), and when one comes back', (result) => {
    const known = new KnownStates();
    expect(round(known, files(result, ['a']))).toEqual([true]);
    expect(round(known, files(result, ['a']))).toEqual([false]);
    expect(round(known, files(result, ['b', 'a']))).toEqual([true]);
    expect(round(known, files(result, ['b']))).toEqual([false]);
    expect(round(known, files(result, ['a']))).toEqual([true]);
    expect(round(known)).toEqual([]);
    expect(round(known, files(result, ['a']))).toEqual([true]);
  });

  it('that are only counted are news when there are more of them', () => {
    const known = new KnownStates();
    const counts = [3, 3, 5, 4, 5, 0, 1];
    expect(counts.flatMap((more) => round(known, files('unclaimed', ['a'], more)))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('do not mute those of another kind, nor a stream', () => {
    const known = new KnownStates();
    expect(round(known, files('unclaimed', ['a']))).toEqual([true]);
    const others = [files('unclaimed', ['a']), files('replaced', ['a']), failed('a'), stream('tampered')];
    expect(round(known, ...others)).toEqual([false, true, true, true]);
    expect(round(known, ...others)).toEqual([false, false, false, false]);
  });
});

describe('errors of no stream', () => {
  it('are news one by one, in any order', () => {
    const known = new KnownStates();
    expect(round(known, failed('one'), failed('two'))).toEqual([true, true]);
    expect(round(known, failed('two'), failed('one'))).toEqual([false, false]);
    expect(round(known, failed('three'), failed('one'))).toEqual([true, false]);
    expect(round(known, failed('one'), failed('two'))).toEqual([false, true]);
  });

  it('are known by little each, however many there are and however long they are', () => {
    const known = new KnownStates();
    const many = (count: number): StreamResult[] =>
      Array.from({ length: count }, (_, at) => failed(`${'x'.repeat(1_000)}${at}`));
    const newsOf = (count: number): number => round(known, ...many(count)).filter((one) => one).length;
    expect(newsOf(10_100)).toBe(10_100);
    expect(newsOf(10_100)).toBe(0);
    expect(newsOf(10_101)).toBe(1);
    expect(newsOf(5)).toBe(0);
    expect(newsOf(6), 'what was gone is news again').toBe(1);
    const states = many(100).flatMap((one) => [...known.look(one).states]);
    expect(states).toHaveLength(94);
    expect(JSON.stringify(states).length).toBeLessThan(10_000);
  });
});
