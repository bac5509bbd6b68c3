import { validate } from 'dockerfile-utils';

/** What the linter says, and what an image for a sealed log must have. */
export function dockerfileProblems(text) {
  const problems = validate(text).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`);
  const instructions = text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => [line.trim().split(/\s+/, 1)[0], line.trim().replace(/^\S+\s+/, '')]);
  const last = (name) => instructions.findLast(([instruction]) => instruction === name)?.[1] ?? '';
  const bases = instructions.filter(([instruction]) => instruction === 'FROM').map(([, rest]) => rest);
  if (bases.length < 2) problems.push('is not multi-stage');
  for (const base of bases) if (!/^\S+(:(?!latest)|@sha256:)\S+/.test(base)) problems.push(`${base} names no version`);
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(last('USER')))
    problems.push('does not end as a user with a number, which runAsNonRoot needs');
  for (const name of ['ENTRYPOINT', 'CMD']) {
    if (!last(name).startsWith('[')) problems.push(`${name} is not in exec form: a shell would take the signals`);
  }
  if (!last('ENTRYPOINT').includes('tini')) problems.push('has no init as process 1');
  return problems;
}
