import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SealerEvents, StreamResult } from '../../src/index.ts';
import { severities } from '../support/finding-codes.ts';

const page = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

/** What stands alone in the first column of the tables below a heading. */
function firstColumn(heading: string): string[] {
  const section = page.split(/^##+ /m).find((one) => one.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
}

describe('docs/runbook.md', () => {
  it.each(['tampered', 'undecided', 'warning'] as const)('has each code that is %s, once', (severity) => {
    const codes = [...severities()].flatMap(([code, its]) => (its === severity ? code : []));
    expect(codes.length).toBeGreaterThan(5);
    const heading = `Findings: ${severity === 'warning' ? 'warnings' : severity}`;
    expect(firstColumn(heading).sort()).toEqual(codes.sort());
  });

  it('has a row for no other code', () => {
    const codes = [...page.matchAll(/^\| `([A-Z][A-Z_]+)` \|/gm)].map(([, code]) => code);
    const ofJournals = firstColumn('Findings of a journal');
    expect(codes.sort()).toEqual([...severities().keys(), ...ofJournals].sort());
  });

  it('has each code of a journal, once', () => {
    const spec = readFileSync(new URL('../../spec/journal.md', import.meta.url), 'utf8');
    const codes = [...spec.matchAll(/^\| (JOURNAL_[A-Z_]+) \|/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(3);
    expect(firstColumn('Findings of a journal').sort()).toEqual(codes.sort());
  });

  it('has each result of an audit, once', () => {
    const results: Record<StreamResult['result'], true> = {
      new: true,
      grown: true,
      unchanged: true,
      rewritten: true,
      removed: true,
      stopped: true,
      vanished: true,
      rolled_back: true,
      forked: true,
      replaced: true,
      missing: true,
      unclaimed: true,
      failed: true,
    };
    expect(firstColumn('Results of an audit').sort()).toEqual(Object.keys(results).sort());
  });

  it('has each event of a sealer, once', () => {
    const events: Record<keyof SealerEvents, true> = {
      error: true,
      warning: true,
      drain: true,
      checkpoint: true,
      rotate: true,
      closedFile: true,
      handover: true,
      outage: true,
      outageOver: true,
      kept: true,
      torn: true,
    };
    expect(firstColumn('Events of the writer').sort()).toEqual(Object.keys(events).sort());
  });

  it('says in each row what it means, who acts, and the next step', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(80);
    for (const row of rows)
      expect(row).toMatch(/^\| [^|]+ \| [^|]+ \| (?:developer|platform|auditor|security)[^|]* \| [^|]+ \|$/);
  });
});
