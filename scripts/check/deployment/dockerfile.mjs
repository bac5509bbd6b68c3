import { spawnSync } from 'node:child_process';
import { validate } from 'dockerfile-utils';
import { pythonTools } from '../../lib/python-tools.mjs';

/** The image of the command, without its version. */
const PUBLISHED = 'ghcr.io/fapilog/fapilog-tamper';

/** Where a text names another version of the image than that of the package. */
export const imageProblems = (text, version) =>
  [...text.matchAll(new RegExp(`${PUBLISHED}:([\\w.-]+)`, 'g'))]
    .filter(([, named]) => named !== version)
    .map(([image]) => `${image} is not the version of package.json, ${version}`);

/** What hadolint says of Dockerfiles. */
export function hadolintProblems(files) {
  const args = ['--no-color', '--failure-threshold', 'style', ...files];
  const { status, stdout, stderr, error } = spawnSync(`${pythonTools('hadolint')}/hadolint`, args, {
    encoding: 'utf8',
  });
  if (error) throw error;
  return status === 0 ? [] : [`hadolint:\n${stdout}${stderr}`];
}

/** What the linter says, and what an image for a sealed log must have. */
export function dockerfileProblems(text) {
  const problems = validate(text).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`);
  const instructions = text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => [line.trim().split(/\s+/, 1)[0], line.trim().replace(/^\S+\s+/, '')]);
  const last = (name) => instructions.findLast(([instruction]) => instruction === name)?.[1] ?? '';
  const defaults = Object.fromEntries(
    instructions
      .filter(([name, rest]) => name === 'ARG' && rest.includes('='))
      .map(([, rest]) => rest.split(/=(.*)/, 2)),
  );
  const bases = instructions
    .filter(([name]) => name === 'FROM')
    .map(([, rest]) => rest.replace(/^\$\{(\w+)\}/, (_, name) => defaults[name]));
  if (bases.length < 2) problems.push('is not multi-stage');
  for (const base of bases) if (!/^\S+(:(?!latest)|@sha256:)\S+/.test(base)) problems.push(`${base} names no version`);
  if (bases.at(-1)?.startsWith(`${PUBLISHED}:`)) return problems; // it has a user and an entry point
  if (!/^[1-9]\d*(:[1-9]\d*)?$/.test(last('USER')))
    problems.push('does not end as a user with a number, which runAsNonRoot needs');
  for (const name of ['ENTRYPOINT', 'CMD']) {
    if (!last(name).startsWith('[')) problems.push(`${name} is not in exec form: a shell would take the signals`);
  }
  if (!last('ENTRYPOINT').includes('tini')) problems.push('has no init as process 1');
  return problems;
}
