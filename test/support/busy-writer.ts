import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SealerOptions, type VerifierKeys, type VerifyReport, verify } from '../../src/index.ts';
import { recordOf } from './sealed-lines.ts';

const program = fileURLToPath(new URL('busy-writer.mjs', import.meta.url));
/** Each writer counts its lines from the number of its start times this. */
const RANGE = 10_000_000;

/** What a writer says, one at a time (busy-writer.mjs). */
interface Said {
  readonly acknowledged?: readonly [number, number];
  readonly warning?: string;
  readonly waitsFor?: string | null;
  readonly error?: string;
  readonly refused?: string;
  readonly outage?: boolean;
  readonly kept?: number;
  readonly closed?: boolean;
  readonly given?: number;
  readonly message?: string;
}

export interface WriterTask {
  readonly options: Partial<SealerOptions>;
  /** How many lines it writes in a turn of the event loop. Default: 20. */
  readonly burst?: number;
  /** Milliseconds between two bursts. Default: 2. */
  readonly pause?: number;
  /** Whether it waits for `drain`. Default: it does. */
  readonly heeds?: boolean;
  /** Who it is. Default: who runs the tests. */
  readonly uid?: number;
  /** A descriptor for its standard output. */
  readonly stdout?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process that logs until it is killed or told to close. */
export class BusyWriter {
  readonly said: Said[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = '';

  constructor(library: string, number: number, { uid, stdout, env, ...task }: WriterTask) {
    const told = { library, first: number * RANGE, burst: 20, pause: 2, heeds: true, ...task };
    this.#child = spawn(process.execPath, [program, JSON.stringify(told)], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', stdout ?? 'ignore', 'pipe', 'ipc'],
      cwd: '/',
      ...(uid !== undefined && { uid, gid: uid }),
    });
    this.#child.on('message', (what: Said) => this.said.push(what));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#ended = once(this.#child, 'close');
  }

  /** Resolves when it has said such a thing. `since`: of what it said from there on. */
  async until(holds: (said: Said) => boolean, since = 0): Promise<void> {
    for (let at = since; ; at++) {
      while (at >= this.said.length) {
        const isOver = await Promise.race([
          once(this.#child, 'message').then(() => false),
          this.#ended.then(() => true),
        ]);
        if (isOver && at >= this.said.length)
          throw new Error(`the writer has ended: ${this.#stderr} ${this.lastWords}`);
      }
      if (holds(this.said[at] as Said)) return;
    }
  }

  /** Resolves when it has said so many times that lines are acknowledged. */
  async works(times = 2): Promise<void> {
    for (let since = this.said.length; times > 0; times--) {
      await this.until(({ acknowledged }) => acknowledged !== undefined && acknowledged[1] > acknowledged[0], since);
      since = this.said.length;
    }
  }

  get lastWords(): string {
    return JSON.stringify(this.said.filter((one) => !('acknowledged' in one || 'waitsFor' in one)).slice(-6));
  }

  /** Also when it has ended before. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Tells it to close its log. @returns how many lines it wrote in all */
  async close(): Promise<number> {
    if (this.#child.connected) this.#child.send('close');
    await this.#ended;
    const end = this.said.at(-1);
    if (end?.given === undefined) throw new Error(`the writer did not close: ${this.#stderr} ${this.lastWords}`);
    return end.given;
  }

  get acknowledged(): readonly (readonly [number, number])[] {
    return this.said.flatMap(({ acknowledged }) => (acknowledged === undefined ? [] : [acknowledged]));
  }
}

/** What became of the lines of all writers of a log, once a last one has closed it. */
export interface Account {
  readonly verdict: string;
  /** The codes of the findings that made it so. */
  readonly codes: string[];
  readonly acknowledged: number;
  readonly lost: number;
  readonly sealed: number;
  readonly twice: number;
  readonly counted: number;
  readonly files: number;
  readonly messages: string;
}

/** The lines of a file in the order in which they stand there. @param standing - without those that a later run begins before */
function numbersIn(file: string, standing: boolean): number[] {
  const records: { seq: number; n: number }[] = [];
  for (const text of readFileSync(file, 'latin1').split('\n')) {
    const record = recordOf(Buffer.from(text, 'latin1'));
    const seq = record?.seq ?? Number(/"seq":(\d+)/.exec(text)?.[1] ?? 0);
    while (standing && seq > 0 && (records.at(-1)?.seq ?? 0) >= seq) records.pop();
    if (record !== undefined) records.push({ seq, n: (JSON.parse(record.own.toString()) as { n: number }).n });
  }
  return records.map(({ n }) => n);
}

/**
 * Verifies a log and counts its lines.
 * @param place - `directories`: that hold its files, or the `file` that a reader of standard output keeps
 */
export async function accountOf(
  place: { readonly directories: readonly string[] } | { readonly file: string },
  origin: string,
  keys: VerifierKeys,
  writers: readonly BusyWriter[],
): Promise<Account> {
  const isPiped = 'file' in place;
  const paths = isPiped
    ? [place.file]
    : place.directories.flatMap((directory) =>
        readdirSync(directory)
          .filter((name) => /^audit.*\.jsonl(\.|$)/.test(name) && !/manifest|torn/.test(name))
          .map((name) => join(directory, name)),
      );
  const report: VerifyReport = await verify({ paths, origin, continued: true, keys: [keys] });
  const numbers = paths.flatMap((path) => numbersIn(path, isPiped));
  const sealed = new Set(numbers);
  const there = new Set(isPiped ? paths.flatMap((path) => numbersIn(path, false)) : numbers);
  const acknowledged = writers.flatMap((writer) =>
    writer.acknowledged.flatMap(([from, to]) => Array.from({ length: to - from }, (_, at) => from + at)),
  );
  const findings = [...report.findings, ...report.streams.flatMap((stream) => stream.findings)].filter(
    ({ severity }) => severity !== 'warning',
  );
  return {
    verdict: report.verdict,
    codes: [...new Set(findings.map(({ code }) => code))].sort(),
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((n) => !there.has(n)).length,
    sealed: sealed.size,
    twice: numbers.length - sealed.size,
    counted: report.streams.reduce((sum, { droppedLines }) => sum + droppedLines, 0),
    files: paths.length,
    messages: [...new Set(findings.map(({ code, message }) => `${code}: ${message}`))].slice(0, 5).join('\n'),
  };
}
