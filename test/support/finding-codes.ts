import { readFileSync } from 'node:fs';

const severityOf = { 0: 'warning', 1: 'tampered', 2: 'undecided' } as const;
/** The pages with a table of findings: of a log, and of its erased records. */
const PAGES = ['format.md', 'erasure.md'];

/** Every finding code and how much it weighs, as the tables of the specification have them (spec 8.5; spec/erasure.md, 3). */
export function severities(): Map<string, 'warning' | 'tampered' | 'undecided'> {
  const spec = PAGES.map((page) => readFileSync(new URL(`../../spec/${page}`, import.meta.url), 'utf8')).join('\n');
  const rows = spec.matchAll(/^\| ([A-Z][A-Z_]+) \| ([012]) \| /gm);
  return new Map([...rows].map(([, code = '', verdict = '']) => [code, severityOf[Number(verdict) as 0 | 1 | 2]]));
}
