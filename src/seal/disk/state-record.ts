import type { Digest } from '../../core/hash.ts';
import { digestBytes, digestFrom } from '../../core/hash.ts';
import { frontierLength } from '../../core/tree.ts';
import { TamperError } from '../../errors.ts';
import { encodeBase64url } from '../../format/base64.ts';
import type { TreeHead } from '../../format/control.ts';
import { formatKeyReference, type KeyReference, readKeyReference } from '../../format/key-reference.ts';
import { Members } from '../../format/members.ts';
import { isFileOf, STDOUT } from './names.ts';

/** The way out of what a start cannot decide; the command takes the writer's options, which code may have set. */
export const RECOVER =
  '`fapilog-tamper recover FILE --reason TEXT`, with --origin and --state-dir (or --config) as the writer has them';

/** Where a checkpoint line of this stream stands, and the keys that its key period has. */
export interface PublishedCheckpoint extends TreeHead {
  readonly file: string;
  /** Offset of the line's first byte. */
  readonly offset: number;
  /** The key reference of the key period that it belongs to. */
  readonly key: KeyReference;
  /** The note itself, where the sink cannot be read again. */
  readonly note?: string;
}

/** What a writer knows of the file that it writes: for the manifest (spec 7). */
export interface FileAccount {
  /** Seq and time of the file's first entry. */
  readonly firstSeq: number;
  readonly created: string;
  /** Root of the tree before it. */
  readonly root: Digest;
  /** Record lines, of all runs. */
  readonly records: number;
}

/** Which file it is, by the numbers (inodes) of its directory and of itself. Where the one is another, all was copied, and the other says nothing. */
export interface FileNumbers {
  readonly directory: string;
  readonly file: string;
  /** Its first line is on the disk: an empty file is not as it was left. */
  readonly written?: true;
}

/** What a writer knows of its stream at a seal, as the next run needs it (spec 6). Nothing of it is a secret. */
export interface StreamState {
  readonly origin: string;
  readonly size: number;
  readonly frontier: readonly Digest[];
  /** Leaf hash of entry `size`; absent in an empty stream. */
  readonly leaf?: Digest;
  /** The file that the next line goes to, and how much of it is accounted for. */
  readonly file: string;
  readonly offset: number;
  /**
   * At offset 0: the name that the file before gets, or has got. It had the name {@link StreamState.file}, and may have it
   * still where the writer ended in between.
   */
  readonly renamed?: string;
  /** At offset 0: the file, which was made, and may hold more than a start could find again elsewhere. */
  readonly begun?: FileNumbers;
  /** The newest name with a stamp that a file of this log got: none is given twice, wherever its file is now. */
  readonly newest?: string;
  /** The configured path that the files of this stream are named after. */
  readonly base: string;
  /** The highest epoch number ever announced. */
  readonly epoch: number;
  /** The key period in force after entry `size`. */
  readonly current?: {
    readonly epoch: number;
    readonly epochSeq: number;
    readonly step: number;
    readonly key: KeyReference;
  };
  /** Of the file that holds entry `size`, where that is {@link StreamState.file}. */
  readonly account?: FileAccount;
  readonly checkpoint?: PublishedCheckpoint;
  /** A checkpoint with our finished MAC whose line is not on disk yet. */
  readonly pending?: { readonly size: number; readonly note: string };
  /** This stream has ended; the one named here goes on. */
  readonly continuedBy?: { readonly origin: string; readonly reason: string; readonly why: 'new' | 'conflict' };
  /** The stream that this one continues. */
  readonly after?: TreeHead & { readonly origin: string };
}

const hash = (digest: Digest): string => encodeBase64url(digestBytes(digest));
const raw = (reference: KeyReference): unknown => JSON.parse(formatKeyReference(reference));

/** The state file's text. */
export function formatState(state: StreamState): string {
  const { current, checkpoint } = state;
  return `${JSON.stringify({
    version: 1,
    origin: state.origin,
    size: state.size,
    frontier: state.frontier.map(hash),
    ...(state.leaf !== undefined && { leaf: hash(state.leaf) }),
    file: state.file,
    offset: state.offset,
    ...(state.renamed !== undefined && { renamed: state.renamed }),
    ...(state.begun && { begun: state.begun }),
    ...(state.newest !== undefined && { newest: state.newest }),
    base: state.base,
    epoch: state.epoch,
    ...(current && {
      current: { epoch: current.epoch, epoch_seq: current.epochSeq, step: current.step, key: raw(current.key) },
    }),
    ...(state.account && {
      account: {
        first_seq: state.account.firstSeq,
        created: state.account.created,
        root: hash(state.account.root),
        records: state.account.records,
      },
    }),
    ...(checkpoint && {
      checkpoint: {
        size: checkpoint.size,
        root: hash(checkpoint.root),
        file: checkpoint.file,
        offset: checkpoint.offset,
        key: raw(checkpoint.key),
        ...(checkpoint.note !== undefined && { note: checkpoint.note }),
      },
    }),
    ...(state.pending && { pending: state.pending }),
    ...(state.continuedBy && { continued_by: state.continuedBy }),
    ...(state.after && { after: { ...state.after, root: hash(state.after.root) } }),
  })}\n`;
}

/** Reads a state file. @throws {@link TamperError} `STATE_MALFORMED` */
export function parseState(text: string, path: string): StreamState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(path, 'it is not JSON', cause);
  }
  const members = new Members(value);
  if (members.number('version') !== 1) throw malformed(path, 'it is of another version');
  const state = readState(members);
  members.end();
  if (members.problem !== undefined) throw malformed(path, members.problem.message);
  const strange = [state.file, state.renamed ?? state.file, state.newest ?? state.file].find(
    (file) => file !== STDOUT && !isFileOf(state.base, file),
  );
  if (strange !== undefined) {
    const [file, base] = [strange, state.base].map((name) => JSON.stringify(name.slice(0, 500)));
    throw malformed(path, `it names ${file}, which is not a file of ${base}`);
  }
  if (state.frontier.length !== frontierLength(state.size))
    throw malformed(path, 'its frontier does not match its size');
  return state;
}

function readHash(members: Members, name: string): Digest {
  return digestFrom(members.bytes(name, 32));
}

function readState(members: Members): StreamState {
  return {
    origin: members.string('origin'),
    size: members.number('size'),
    frontier: members.list('frontier').map((item) => digestFrom(members.toBytes('frontier', item, 32))),
    ...(members.has('leaf') && { leaf: readHash(members, 'leaf') }),
    file: members.string('file'),
    offset: members.number('offset'),
    ...(members.has('renamed') && { renamed: members.string('renamed') }),
    ...(members.has('begun') && { begun: readNumbers(members.object('begun')) }),
    ...(members.has('newest') && { newest: members.string('newest') }),
    base: members.string('base'),
    epoch: members.number('epoch'),
    ...(members.has('current') && { current: readCurrent(members.object('current')) }),
    ...(members.has('account') && { account: readAccount(members.object('account')) }),
    ...(members.has('checkpoint') && { checkpoint: readCheckpoint(members.object('checkpoint')) }),
    ...(members.has('pending') && { pending: readPending(members.object('pending')) }),
    ...(members.has('continued_by') && { continuedBy: readContinuedBy(members.object('continued_by')) }),
    ...(members.has('after') && { after: readAfter(members.object('after')) }),
  };
}

function readCurrent(members: Members): NonNullable<StreamState['current']> {
  const current = {
    epoch: members.number('epoch'),
    epochSeq: members.number('epoch_seq'),
    step: members.number('step'),
    key: readKeyReference(members.object('key')),
  };
  members.end();
  return current;
}

function readAccount(members: Members): FileAccount {
  const account = {
    firstSeq: members.number('first_seq'),
    created: members.time('created'),
    root: readHash(members, 'root'),
    records: members.number('records'),
  };
  members.end();
  return account;
}

function readCheckpoint(members: Members): PublishedCheckpoint {
  const checkpoint = {
    size: members.number('size'),
    root: readHash(members, 'root'),
    file: members.string('file'),
    offset: members.number('offset'),
    key: readKeyReference(members.object('key')),
    ...(members.has('note') && { note: members.string('note') }),
  };
  members.end();
  return checkpoint;
}

function readPending(members: Members): NonNullable<StreamState['pending']> {
  const pending = { size: members.number('size'), note: members.string('note') };
  members.end();
  return pending;
}

function readContinuedBy(members: Members): NonNullable<StreamState['continuedBy']> {
  const next = {
    origin: members.string('origin'),
    reason: members.string('reason'),
    why: members.oneOf('why', ['new', 'conflict'] as const),
  };
  members.end();
  return next;
}

function readAfter(members: Members): NonNullable<StreamState['after']> {
  const after = { origin: members.string('origin'), size: members.number('size'), root: readHash(members, 'root') };
  members.end();
  return after;
}

function readNumbers(members: Members): FileNumbers {
  const numbers = { directory: members.string('directory'), file: members.string('file') };
  const written = members.flag('written');
  members.end();
  return { ...numbers, ...(written && { written }) };
}

function malformed(path: string, why: string, cause?: unknown): TamperError {
  return new TamperError('STATE_MALFORMED', `the state file ${path} cannot be read: ${why}`, {
    cause,
    hint: `Run ${RECOVER}. It begins a new stream that cites this one.`,
  });
}
