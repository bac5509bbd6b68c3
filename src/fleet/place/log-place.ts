import type { VerifyOptions } from '../../verify/auditor/options.ts';
import type { Peek, Wanted } from '../../verify/input/peek.ts';
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

/** What of a verification says which files are read. */
export type FilesToVerify = Pick<VerifyOptions, 'paths' | 'stored'>;

/** A place that somebody named. */
export interface LogPlace {
  /** As it was named. */
  readonly name: string;
  /** Whether a file of this name is below it. */
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
  /** These files and their manifests for the verifier, as they were listed where the place can tell. */
  toVerify(files: readonly PlacedFile[]): FilesToVerify;
}

/** Whether two listings show the same file, with the same manifest. */
export function isSameFile(one: PlacedFile, other: PlacedFile): boolean {
  return one.version === other.version && one.manifest?.version === other.manifest?.version;
}
