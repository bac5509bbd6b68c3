import { readFileSync } from 'node:fs';

const severityOf = { 0: 'warning', 1: 'tampered', 2: 'undecided' } as const;

/** Every finding code and how much it weighs, as the table of the specification has them (spec 8.5). */
export function severities(): Map<string, 'warning' | 'tampered' | 'undecided'> {
  const spec = readFileSync(new URL('../../spec/format.md', import.meta.url), 'utf8');
  const rows = spec.matchAll(/^\| ([A-Z][A-Z_]+) \| ([012]) \| /gm);
  return new Map([...rows].map(([, code = '', verdict = '']) => [code, severityOf[Number(verdict) as 0 | 1 | 2]]));
}
