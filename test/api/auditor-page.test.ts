import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { severities } from '../support/finding-codes.ts';

const page = readFileSync(new URL('../../docs/auditor.md', import.meta.url), 'utf8');
const section = page.split(/^## /m).find((one) => one.startsWith('8. If it is undecided')) ?? '';
const named = [...section.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, code]) => code);

it('docs/auditor.md says of each code that leaves a log undecided what to do, once', () => {
  const undecided = [...severities()].flatMap(([code, severity]) => (severity === 'undecided' ? code : []));
  expect(undecided.length).toBeGreaterThan(10);
  expect(named.sort()).toEqual(undecided.sort());
});
