import type { FoundFile, IgnoredFiles, IgnoredWhy } from './found-files.ts';
import { findFiles } from './found-files.ts';
import { readGzip } from './gzip.ts';
import { peek, peekWhole, type Wanted } from './peek.ts';
import { readError } from './regular-file.ts';
import { inMemory, lookAt, type Source, type SourceProblem, sourceOf } from './sources.ts';
import type { PeekedSource } from './stream-files.ts';

/**
 * Files that stand in a directory beside a log and are none of it: left out and said so (M8.22). Leaving one out never
 * hides anything: it has no line that could be an entry, so what it may have held before is missing from its stream.
 */

const MENTION = Buffer.from('"integrity"', 'latin1');
/** What may stand between the name and the brace. */
const AFTER = /^[ \t\r\n]{0,32}:[ \t\r\n]{0,32}\{/;
const OVERLAP = MENTION.length + 66;
/** A small compressed file is looked at whole if it expands to no more bytes. */
const EXPANDED = 256 * 1024;

/** Looks for an object named `integrity` in bytes that come in chunks. */
class MentionScan {
  #rest: Buffer = Buffer.alloc(0);

  /** Whether one stands in this chunk, or begins in the one before. */
  finds(chunk: Buffer): boolean {
    const bytes = Buffer.concat([this.#rest, chunk]);
    for (let at = bytes.indexOf(MENTION); at >= 0; at = bytes.indexOf(MENTION, at + 1)) {
      const after = at + MENTION.length;
      if (AFTER.test(bytes.toString('latin1', after, after + 66))) return true;
    }
    this.#rest = Buffer.from(bytes.subarray(-OVERLAP));
    return false;
  }
}

/** Whether no line of a file was ever ours; false where it cannot be read to its end. */
async function nothingSealed(source: Source): Promise<boolean> {
  const scan = new MentionScan();
  let damaged = false;
  const onProblem = (): void => {
    damaged = true;
  };
  for await (const chunk of source.read(onProblem)) if (scan.finds(chunk)) return false;
  return !damaged;
}

/** A compressed file that is small before and after: its bytes; undefined for any other. */
async function expandSmall(compressed: Buffer): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  const problems: SourceProblem[] = [];
  for await (const chunk of readGzip(inMemory(compressed), EXPANDED, (problem) => problems.push(problem)))
    chunks.push(chunk);
  return problems.length === 0 ? Buffer.concat(chunks) : undefined;
}

/** A file with what it begins with; why it is left out, if it is. */
async function look(
  { path, stray }: FoundFile,
  maxBytes: number,
  wanted: Wanted | undefined,
): Promise<PeekedSource | IgnoredWhy> {
  const head = lookAt(path);
  const source = sourceOf(path, head, maxBytes);
  if (stray && head.size === 0 && head.whole?.length === 0) return 'empty';
  // the next look takes the place of this one, so what is waited for has a copy
  const bytes = head.gzip && head.whole !== undefined ? await expandSmall(Buffer.from(head.whole)) : head.whole;
  const known = bytes === undefined ? await peek(source, wanted) : peekWhole(bytes, wanted);
  if (!stray || known.tag !== undefined) return { source, peek: known };
  const nothing = bytes === undefined ? await nothingSealed(source) : !new MentionScan().finds(bytes);
  return nothing ? 'nothing sealed' : { source, peek: known };
}

/**
 * Opens the logs behind the paths, each compressed one to at most `maxBytes`. A file that was named is always taken. `wanted`
 * says which streams the auditor names.
 *
 * @throws {@link TamperError} `NOT_FOUND`, `READ_FAILED`, `FORMAT_LIMIT`
 */
export async function openLogs(
  paths: readonly string[],
  maxBytes: number,
  ignored: IgnoredFiles,
  wanted?: Wanted,
): Promise<PeekedSource[]> {
  const logs: PeekedSource[] = [];
  for (const file of await findFiles(paths, ignored)) {
    try {
      const log = await look(file, maxBytes, wanted);
      if (typeof log === 'string') ignored.add(file.path, log);
      else logs.push(log);
    } catch (error) {
      throw readError(file.path, error, 'Check that you may read it; a pipe is read with -.');
    }
  }
  return logs;
}
