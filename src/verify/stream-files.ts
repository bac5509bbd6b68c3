import { createHash } from 'node:crypto';
import { isTamperError, systemCode, type TamperError } from '../errors.ts';
import type { Findings } from './findings.ts';
import { LineSplitter, LineTooLong } from './line-splitter.ts';
import { findManifest } from './manifests.ts';
import type { LargeFiles } from './parallel-reading.ts';
import type { Peek } from './peek.ts';
import type { OnProblem, Source } from './sources.ts';
import type { StreamState } from './state.ts';
import type { StreamVerifier } from './stream-verifier.ts';

/** The files of one stream, put in order and read one after another (spec 8.2). */

/** A file with what its first entry says. */
export interface PeekedSource {
  readonly source: Source;
  readonly peek: Peek;
}

async function contentDigest(source: Source): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of source.read(() => undefined)) hash.update(chunk);
  return hash.digest('hex');
}

/** Files by the seq of their first entry; the same file twice counts once, two files for one range are a fork (M8.2). */
export async function orderFiles(files: readonly PeekedSource[], findings: Findings): Promise<PeekedSource[]> {
  const ordered = [...files].sort(
    (a, b) => (a.peek.seq ?? Number.MAX_SAFE_INTEGER) - (b.peek.seq ?? Number.MAX_SAFE_INTEGER),
  );
  const kept: PeekedSource[] = [];
  let keptDigest: string | undefined; // of the last one kept: it is read once, whatever claims its place
  for (const file of ordered) {
    const before = kept.at(-1);
    if (before === undefined || file.peek.seq === undefined || before.peek.seq !== file.peek.seq) {
      kept.push(file);
      keptDigest = undefined;
      continue;
    }
    keptDigest ??= await contentDigest(before.source);
    if (keptDigest === (await contentDigest(file.source))) continue;
    const { seq } = file.peek;
    const message = `this file and ${before.source.name} both begin with entry ${seq} and differ: the log was forked`;
    findings.add('FORK', { file: file.source.name, seq }, message);
  }
  return kept;
}

/** Reads every file of a stream, with its manifest, through its verifier. `onBytes` is told how many bytes have been read. */
export async function readFiles(
  verifier: StreamVerifier,
  files: readonly PeekedSource[],
  onBytes: (bytes: number) => void,
  manifests: readonly string[] = [],
  large?: LargeFiles,
): Promise<void> {
  for (const { source, peek } of files) {
    await beginFile(verifier, source, manifests);
    if (peek.empty && source.repeatable) verifier.state.find('EMPTY_FILE', 'this file is empty');
    await readFile(verifier, source, onBytes, large);
    await verifier.endFile();
    if (verifier.state.stopped || verifier.state.unread) break;
  }
}

/** A manifest that cannot be read leaves its file as it is and is said (spec 7): it is an index, never an authority. */
async function beginFile(verifier: StreamVerifier, source: Source, manifests: readonly string[]): Promise<void> {
  let manifest: string | undefined;
  let unreadable: TamperError | undefined;
  try {
    if (source.repeatable) manifest = await findManifest(source.name, manifests);
  } catch (error) {
    if (!isTamperError(error, 'READ_FAILED')) throw error;
    unreadable = error;
  }
  verifier.beginFile(source.name, manifest);
  if (unreadable !== undefined) verifier.state.find('UNREADABLE', `its manifest: ${unreadable.message}`);
}

async function readFile(
  verifier: StreamVerifier,
  source: Source,
  onBytes: (bytes: number) => void,
  large: LargeFiles | undefined,
): Promise<void> {
  const { state } = verifier;
  const splitter = new LineSplitter(verifier);
  try {
    if (large !== undefined && source.plainPath !== undefined && source.size >= large.from) {
      await large.read(verifier, splitter, source.plainPath, onBytes);
      if (!state.stopped) splitter.end();
      return;
    }
    const onProblem: OnProblem = (problem, message) => {
      state.find(problem, message);
      state.unread ||= problem !== 'GZIP_TRAILING';
    };
    for await (const chunk of source.read(onProblem)) {
      onBytes(chunk.length);
      await splitter.push(chunk);
      if (state.stopped) return;
    }
    splitter.end();
  } catch (error) {
    stopReading(state, error);
  }
}

/** What keeps the reader from a file's end leaves everything from there on undecided (spec 8.12). */
export function stopReading(state: StreamState, error: unknown): void {
  if (error instanceof LineTooLong) {
    state.line = error.line;
    state.offset = error.offset;
    state.find('LIMIT', `${error.message}; nothing from here on can be decided`);
  } else {
    if (systemCode(error) === '') throw error;
    state.find('UNREADABLE', `the file cannot be read to its end (${systemCode(error)})`);
  }
  state.stopped = true;
}
