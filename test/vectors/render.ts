import type { VectorCase } from './vector-case.ts';

/** A finding as a vector's JSON expects it. */
export interface ExpectedFinding {
  readonly code: string;
  readonly seq?: number;
  readonly last_seq?: number;
}

function finding(text: string): ExpectedFinding {
  const [code = '', range] = text.split(' ');
  if (range === undefined) return { code };
  const [seq, last] = range.split('-').map(Number) as [number, number?];
  return { code, seq, ...(last !== undefined && { last_seq: last }) };
}

/** A finding of a vector's JSON as `CODE seq`, `CODE first-last` or `CODE`. */
export function spell({ code, seq, last_seq: last }: ExpectedFinding): string {
  if (seq === undefined) return code;
  return last === undefined ? `${code} ${seq}` : `${code} ${seq}-${last}`;
}

/** The files of one vector: its logs and the JSON that says what the auditor brings and what the report must be. */
export function render(one: VectorCase): { name: string; bytes: Buffer }[] {
  const text = JSON.stringify(
    {
      about: one.about,
      files: one.files.map(({ name }) => name),
      ...one.brings,
      verdict: one.expect.verdict,
      findings: one.expect.findings.map(finding),
    },
    undefined,
    1,
  );
  return [...one.files, ...(one.beside ?? []), { name: `${one.name}.json`, bytes: Buffer.from(`${text}\n`) }];
}
