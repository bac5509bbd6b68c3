import type { Readable } from 'node:stream';
import { TamperError } from '../../errors.ts';
import { type ClassifiedLine, classifyLine } from '../../format/entry.ts';
import { isGone } from '../../foundation/file-identity.ts';
import type { StoredLogs } from '../../storage/stored-logs.ts';
import type { CarrierName } from '../carrier/carrier.ts';
import { carrierOf } from '../carrier/carriers.ts';
import { orderFiles } from '../files/stream-files.ts';
import { openLogs } from '../found/open-logs.ts';
import { openStored } from '../found/stored-logs.ts';
import { FileLines } from '../input/file-lines.ts';
import { LineTooLong } from '../input/line-splitter.ts';
import type { PeekedSource } from '../input/peek.ts';
import { type Source, streamSource } from '../input/sources.ts';
import type { LogSink } from '../input/unwrapping.ts';
import { Findings } from '../model/findings.ts';
import { IgnoredFiles, type IgnoredReport } from '../verdict/ignored-files.ts';

/** Goes through the lines of sealed files in the order of their entries, without verifying anything. */

/** A line, where it is, and what it is by its end. The bytes stay until the visitor's promise is done. */
export interface WalkedLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly offset: number;
  readonly bytes: Buffer;
  readonly read: ClassifiedLine;
}

/** Sees one line after another. */
export type LineVisitor = (line: WalkedLine) => Promise<void> | undefined;

/** What keeps the walk from a file's end. */
export type WalkProblem = (file: string, message: string) => void;

/** Files to go through, and what stood beside them. */
export interface OrderedFiles {
  readonly files: readonly Source[];
  /** Those that are missing or cannot be opened: reading one of them throws. */
  readonly unopened: ReadonlyMap<Source, string>;
  readonly ignored: IgnoredReport;
  /** Files that are not among them although they begin as one of them does, and which cannot both be the log. */
  readonly doubts: readonly { readonly file: string; readonly message: string }[];
}

/** Where the lines are. */
export interface Places {
  readonly paths: readonly string[];
  /** What the path `-` stands for. */
  readonly input?: Readable | undefined;
  /** Objects of buckets, in addition to the paths. */
  readonly stored?: readonly StoredLogs[] | undefined;
}

/** The files behind the paths, in the order of their first entries. @throws {@link TamperError} `USAGE` */
export async function filesInOrder(
  { paths, input, stored = [] }: Places,
  unwrap: CarrierName | undefined,
): Promise<OrderedFiles> {
  const carrier = carrierOf(unwrap);
  const ignored = new IgnoredFiles();
  if (paths.includes('-')) {
    if (input === undefined) throw new TamperError('USAGE', 'the path - needs an input to read from');
    const files = [streamSource('-', input, carrier)];
    return { files, unopened: new Map(), ignored: ignored.report, doubts: [] };
  }
  const form = { maxBytes: Number.MAX_SAFE_INTEGER, carrier };
  const logs = await openLogs(paths, form, ignored, undefined, stored.length === 0);
  for (const place of stored) for (const log of await openStored(place, form, ignored)) logs.push(log);
  const files: Source[] = [];
  const findings = new Findings();
  for (const stream of byTag(logs)) {
    for (const { source } of await orderFiles(stream, findings)) files.push(source);
  }
  const doubts = findings
    .list()
    .flatMap(({ code, file, message }) =>
      file !== undefined && (code === 'FORK' || code === 'UNREADABLE') ? [{ file, message }] : [],
    );
  const unopened = new Map(
    logs.flatMap(({ source, peek: { hidden } }) => (hidden?.unopened === true ? [[source, hidden.message]] : [])),
  );
  return { files, unopened, ignored: ignored.report, doubts };
}

/** The files of one stream after those of another: their entries begin with the same numbers. */
function byTag(logs: readonly PeekedSource[]): Iterable<readonly PeekedSource[]> {
  const tags = new Set(logs.flatMap(({ peek: { tag } }) => (tag === undefined ? [] : [tag])));
  if (tags.size <= 1) return [logs]; // a file without an entry has its place among the others
  const streams = new Map<string | undefined, PeekedSource[]>();
  for (const log of logs) {
    const stream = streams.get(log.peek.tag) ?? [];
    streams.set(log.peek.tag, stream);
    stream.push(log);
  }
  return streams.values();
}

/** Shows every line of the files to a visitor. */
export async function walk(files: readonly Source[], visit: LineVisitor, onProblem: WalkProblem): Promise<void> {
  let file = '';
  const sink: LogSink = {
    feed(bytes, start, end, line, offset) {
      if (start === end) return undefined; // a carrier may bring an empty line
      const own = bytes.subarray(start, end);
      return visit({ file, line, offset, bytes: own, read: classifyLine(own) });
    },
    feedForeign(bytes, start, end, line, offset) {
      return visit({ file, line, offset, bytes: bytes.subarray(start, end), read: { type: 'foreign' } });
    },
    feedUnterminated(bytes) {
      onProblem(file, `it ends inside a line (${bytes} bytes)`);
    },
  };
  const lines = new FileLines(sink);
  for (const [at, source] of files.entries()) {
    file = source.name;
    const splitter = lines.begin(source);
    try {
      for await (const chunk of source.read((_problem, message) => onProblem(source.name, message)))
        await splitter.push(chunk);
      await lines.end(splitter, files.slice(at + 1));
    } catch (error) {
      if (isGone(error)) onProblem(source.name, 'it was deleted before it could be read, and is left out');
      else if (error instanceof LineTooLong) onProblem(source.name, `${error.message}; nothing from there on is shown`);
      else throw error;
    }
  }
}
