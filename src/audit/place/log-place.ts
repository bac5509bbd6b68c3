import type { OnRead } from '../../foundation/regular-file.ts';
import type { VerifyOptions } from '../../verify/auditor/options.ts';
import { ownersOfEmpty } from '../../verify/files/stream-files.ts';
import type { Peek, PeekedSource, Wanted } from '../../verify/input/peek.ts';
import type { IgnoredFiles, IgnoredWhy } from '../../verify/verdict/ignored-files.ts';

/** Where the logs of many streams are: a directory, or the objects below a prefix of a bucket. */

/** One content of the manifest beside a file. */
export interface PlacedManifest {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly version: string;
}

/** A file as a listing shows it. */
export interface PlacedFile {
  /** Its whole path, or `s3://BUCKET/KEY`: the same in every listing. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Names this content: two listings show the same one only where the content is the same. */
  readonly version: string;
  /** Absent where none stands beside it. */
  readonly manifest?: PlacedManifest;
}

/** Files that the verifier is about to read. */
export interface PlacedReading extends Pick<VerifyOptions, 'paths' | 'stored'> {
  /** To be told of what is read; absent if the verifier can read nothing but what was listed. */
  readonly onRead?: OnRead;
  /** What was read of a listed file, so that it can be compared with the next listing: never what was merely listed. */
  readonly asRead: (file: PlacedFile) => PlacedFile;
}

/** A place that somebody named. */
export interface LogPlace {
  /** As it was named. */
  readonly name: string;
  /** Whether this is the name of a file below it, as listings spell it: one with `..` in it is not. */
  holds(name: string): boolean;
  /**
   * Every file below it, in no order that means anything.
   *
   * @throws {@link TamperError} `NOT_FOUND` where there is no such place; `READ_FAILED`, `FORMAT_LIMIT`, what a storage throws
   */
  list(ignored: IgnoredFiles): AsyncIterable<PlacedFile>;
  /** The files that are in the folders of these names now. @throws {@link TamperError} as {@link list} */
  listBeside(names: readonly string[]): AsyncIterable<PlacedFile>;
  /** The file of this name as it is now, with the manifest that was listed; undefined where there is none. @throws as {@link list} */
  now(file: PlacedFile): Promise<PlacedFile | undefined>;
  /**
   * What the first entry of a file says, or why the file is none of a log.
   *
   * @returns undefined where the file is not what was listed any more
   * @throws {@link TamperError} `READ_FAILED`, what a storage throws
   */
  peek(file: PlacedFile, wanted: Wanted): Promise<Peek | IgnoredWhy | undefined>;
  /** These files and their manifests for the verifier. */
  toVerify(files: readonly PlacedFile[]): PlacedReading;
}

/** Whether two listings show the same file, with the same manifest. */
export function isSameFile(one: PlacedFile, other: PlacedFile): boolean {
  return one.version === other.version && one.manifest?.version === other.manifest?.version;
}

/** What a file begins with; of an empty one whose it was, which the manifest beside it says: the verifier goes by that too. */
export async function withOwner(file: PeekedSource): Promise<Peek> {
  const owner = (await ownersOfEmpty([file])).get(file);
  return owner === undefined ? file.peek : { ...file.peek, owner };
}
