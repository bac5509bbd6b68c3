import { randomBytes } from 'node:crypto';
import { linkSync, rmSync } from 'node:fs';
import * as v from 'valibot';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { replaceFile } from '../../foundation/durable-replace.ts';
import { readLines } from '../../foundation/read-text.ts';
import { newRunId, parseJob, type StreamJob } from './stream-job.ts';

/**
 * The file of a run: one JSON a line. The first line names the run, each further one is a job, the last says how many there are.
 *
 * ```
 * {"format":"fapilog-tamper audit run 1","run":"20261126T230000Z-0011223344556677","queue":"default"}
 * {"run":"20261126T230000Z-0011223344556677","origin":"api.example.com/eu-1","basis":"…","task":{…}}
 * {"streams":1,"rest":{…}}
 * ```
 *
 * It is on the disk before the first job is in the queue. Whatever Redis loses, it says which streams were to be audited.
 */
const FORMAT = 'fapilog-tamper audit run 1';
const READABLE = 'Check that this is the file of a run, and that you may read it.';

const headerSchema = v.strictObject({ format: v.literal(FORMAT), run: v.string(), queue: v.string() });
const trailerSchema = v.strictObject({
  streams: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  rest: v.optional(v.unknown()),
});

/** A stream to be audited: a job without its run. */
export type StreamToAudit = Omit<StreamJob, 'run'>;

/** What a listing found. */
export interface ListedStreams {
  readonly streams: AsyncIterable<StreamToAudit> | Iterable<StreamToAudit>;
  /** What the audit wants to have again with the results, once all streams were given; JSON. */
  readonly rest?: () => unknown;
}

/** The first line. */
export interface RunHeader {
  readonly run: string;
  /** The queue where its jobs are. */
  readonly queue: string;
}

/** What {@link RunFile.jobs} gives at its end. */
export interface RunEnd {
  readonly streams: number;
  readonly rest?: unknown;
}

/**
 * Makes the file of a new run; an existing one is never overwritten.
 *
 * @throws {@link TamperError} `WRITE_FAILED`; what the listing throws
 */
export async function makeRunFile(path: string, queue: string, { streams, rest }: ListedStreams): Promise<RunHeader> {
  const header: RunHeader = { run: newRunId(new Date(), randomBytes(8)), queue };
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const put = (): void => {
    linkSync(temporary, path);
    rmSync(temporary);
  };
  try {
    await replaceFile({ path, temporary, mode: 0o640, put }, async (file) => {
      let count = 0;
      let lines = [line({ format: FORMAT, ...header })];
      let length = 0;
      for await (const { origin, basis, task } of streams) {
        const one = line({ run: header.run, origin, basis, task });
        lines.push(one);
        count += 1;
        length += one.length;
        if (length < 1 << 20) continue;
        await file.appendFile(lines.join(''));
        lines = [];
        length = 0;
      }
      lines.push(line({ streams: count, rest: rest?.() }));
      await file.appendFile(lines.join(''));
    });
  } catch (error) {
    const code = systemCode(error);
    if (code === '') throw error;
    throw new TamperError('WRITE_FAILED', `${path} cannot be written (${code})`, {
      cause: error,
      hint: 'Name a new file in a directory where you may write.',
    });
  }
  return header;
}

/** The file of a run that was made. */
export class RunFile {
  readonly path: string;
  readonly header: RunHeader;

  private constructor(path: string, header: RunHeader) {
    this.path = path;
    this.header = header;
  }

  /** @returns undefined where there is no such file @throws {@link TamperError} `READ_FAILED`, `FORMAT_INVALID` */
  static async open(path: string): Promise<RunFile | undefined> {
    try {
      for await (const text of readLines(path, READABLE)) {
        const parsed = v.safeParse(headerSchema, jsonOf(text));
        if (!parsed.success) break;
        const { run, queue } = parsed.output;
        return new RunFile(path, { run, queue });
      }
    } catch (error) {
      if (isTamperError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
    throw damaged(path, 1);
  }

  /** Its jobs, one after another; at the end what the last line says. @throws {@link TamperError} `READ_FAILED`, `FORMAT_INVALID` */
  async *jobs(): AsyncGenerator<StreamJob, RunEnd> {
    let at = 0;
    let end: RunEnd | undefined;
    for await (const text of readLines(this.path, READABLE)) {
      at += 1;
      if (at === 1) continue;
      if (end !== undefined) throw damaged(this.path, at);
      const value = jsonOf(text);
      const trailer = v.safeParse(trailerSchema, value);
      if (trailer.success) {
        end = trailer.output;
        continue;
      }
      const job = parseJob(value, `line ${at} of ${this.path}`);
      if (job.run !== this.header.run) throw damaged(this.path, at);
      yield job;
    }
    if (end?.streams !== at - 2) throw damaged(this.path, at);
    return end;
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // which no schema takes
    throw error;
  }
}

function damaged(path: string, at: number): TamperError {
  return new TamperError(
    'FORMAT_INVALID',
    `${path} is not the whole file of a run: line ${at} is not what it should be`,
    {
      hint: 'Restore it, or begin a new run with a new file.',
    },
  );
}
