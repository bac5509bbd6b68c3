import { appendFileSync, existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type FrozenScene, filesBelow, type Step, sha256, type Write } from './frozen-folder.ts';
import { problemsBetween } from './same-report.ts';

/** Runs the commands of a frozen scene, and says what is not as it was frozen. */

/** Runs a command line of some version. */
export type Run = (
  argv: readonly string[],
  options: {
    readonly cwd: string;
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** Whether it writes to standard output as only a process of its own can. */
    readonly apart?: boolean;
  },
) => Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;

/** Whether the files are those that were frozen, or go on from them. */
export type State = 'frozen' | 'continued';

const SHOWN = 1_500;
/** Standard output as a step has it. */
export const stdoutOf = (text: string): string => (text.length > SHOWN ? `sha256:${sha256(text)}` : text);

/** A report of one document, or of one a line, which come in any order. */
export function reportOf(stdout: string): unknown {
  const lines = stdout.split('\n').slice(0, -1);
  if (lines.length === 0 || lines.some((line) => !/^\{.*\}$/.test(line))) return JSON.parse(stdout);
  if (lines.length === 1) return JSON.parse(stdout);
  const streamOf = (value: unknown): string => String((value as { stream?: unknown }).stream ?? '~');
  return lines
    .map((line): unknown => JSON.parse(line))
    .sort((one, other) => (streamOf(one) < streamOf(other) ? -1 : 1));
}

/** What a file says of its form: of a DSSE envelope, its payload too. */
export function membersOf(path: string): unknown {
  const value = JSON.parse(readFileSync(path, 'utf8')) as { payload?: string };
  if (value.payload === undefined) return value;
  return { ...value, payload: JSON.parse(Buffer.from(value.payload, 'base64').toString('utf8')) as unknown };
}

const asked = (argv: readonly string[]): string => argv.join(' ');

/** Runs what an auditor runs. @returns what is not as it was frozen */
export async function playSteps(run: Run, directory: string, steps: readonly Step[], state: State): Promise<string[]> {
  const problems: string[] = [];
  for (const step of steps) {
    const { code, stdout, stderr } = await run(step.argv, { cwd: directory, ...(step.env && { env: step.env }) });
    const say = (what: string): unknown => problems.push(`${asked(step.argv)}: ${what}`);
    if (code !== step.exit) {
      say(`exit code ${code}, not ${step.exit}: ${stderr}${stdout}`.slice(0, 2_000));
      continue;
    }
    if (step.stdout !== undefined && stdoutOf(stdout) !== step.stdout) say(`standard output: ${stdoutOf(stdout)}`);
    if (step.report !== undefined)
      for (const problem of problemsBetween(step.report, reportOf(stdout), state)) say(problem);
    for (const [name, digest] of Object.entries(step.files ?? {})) {
      const path = join(directory, name);
      if (!existsSync(path) || sha256(readFileSync(path)) !== digest) say(`${name} is another file`);
    }
    for (const [name, members] of Object.entries(step.members ?? {}))
      for (const problem of problemsBetween(members, membersOf(join(directory, name)), 'continued'))
        say(`${name}: ${problem}`);
  }
  return problems;
}

/** Runs the writers that go on. @returns those that did not exit as they should */
export async function playWrites(run: Run, directory: string, writes: readonly Write[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { argv, lines, env, exit, appendTo } of writes) {
    const input = lines.map((line) => `${line}\n`).join('');
    const { code, stdout, stderr } = await run(argv, {
      cwd: directory,
      input,
      apart: appendTo !== undefined,
      ...(env && { env }),
    });
    if (code !== exit) problems.push(`${asked(argv)}: exit code ${code}, not ${exit}: ${stderr}`);
    if (appendTo !== undefined) appendFileSync(join(directory, appendTo), stdout, 'utf8');
  }
  return problems;
}

/** What a file holds, decompressed. */
export const contentOf = (path: string): Buffer => {
  const bytes = readFileSync(path);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
};

/** Which of the frozen files no file of the copy begins with: a writer may rename and compress one. */
export function lostFiles(folder: string, copy: string, { logs }: FrozenScene): string[] {
  const now = filesBelow(copy).map((name) => contentOf(join(copy, name)));
  return Object.entries(logs).flatMap(([name, length]) => {
    const kept = contentOf(join(folder, name)).subarray(0, length);
    return now.some((bytes) => bytes.length >= kept.length && bytes.subarray(0, kept.length).equals(kept))
      ? []
      : [`no file begins with the ${kept.length} bytes of ${name}`];
  });
}

/** The content of every file below a folder, to be compared with what it is later. */
export const snapshotOf = (folder: string): Map<string, string> =>
  new Map(
    filesBelow(folder).map((name) => [
      name,
      `${lstatSync(join(folder, name)).size} ${sha256(readFileSync(join(folder, name)))}`,
    ]),
  );
