import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The project's folder. Every script works there, wherever it was started. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Path of a tool that a package of ours brings. */
export const tool = (name) => `${root}node_modules/.bin/${name}`;

/**
 * Runs a program to its end and returns its exit code; output goes where ours goes.
 * A program that cannot be started is an error, never a code.
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

/** Runs a program to its end beside others. What it prints is shown as it comes where it is `shown`, else given in one piece. */
export function finished(command, args, { shown = false, ...options } = {}) {
  const stdio = shown ? 'inherit' : 'pipe';
  const child = spawn(command, args, { cwd: root, ...options, stdio: ['ignore', stdio, stdio] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Runs `work` for each item, at most `count` at a time. */
export async function atOnce(count, items, work) {
  const waiting = [...items.entries()];
  const next = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one[1], one[0]);
  };
  await Promise.all(Array.from({ length: count }, next));
}

/** Runs a program and returns what it printed. Throws with both streams when it fails. */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${result.status}\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}

/** Ends the script with exit code 1 and one line per problem, or says what was looked at. */
export function report(problems, looked) {
  for (const problem of problems) console.error(`- ${problem}`);
  if (problems.length > 0) process.exit(1);
  console.log(looked);
}
