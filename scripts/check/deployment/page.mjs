import { spawnSync } from 'node:child_process';

/** The blocks of a page in one language. */
export const blocks = (text, language) =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , body]) => body);

/** What `bash -n` says. */
export function syntaxProblems(script, name) {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
  return status === 0 ? [] : [`${name}: ${stderr.trim()}`];
}

/**
 * Runs `sh` blocks line by line in one shell in a folder. A line must end with 0, or with N where it says `# exit N`.
 * @returns how many commands ran, and what went wrong
 */
export function runBlocks(bodies, folder, env) {
  const problems = [];
  let commands = 0;
  const script = bodies
    .flatMap((body) => body.replaceAll(/\\\n/g, ' ').split('\n'))
    .filter((line) => line.trim() !== '')
    .map((line) => {
      commands += 1;
      const expected = Number(/# exit (\d+)/.exec(line)?.[1] ?? 0);
      return `${line}\ncode=$?; [ $code = ${expected} ] || { echo "exit $code, not ${expected}: line ${commands}" >&2; exit 1; }`;
    })
    .join('\n');
  const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) problems.push(`the commands of the page: exit ${status}\n${stdout}${stderr}`);
  return { commands, problems };
}
