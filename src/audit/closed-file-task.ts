import type { ResolvedConfig } from '../config/index.ts';

/** What the check is told. It has the configuration, never a key. */
export interface ClosedFileTask {
  readonly config: ResolvedConfig;
  readonly file: string;
  readonly origin: string;
  /** The checkpoint of the file before, as a signed note. */
  readonly held?: string;
}

/** What the check answers: findings that say tampered, or why it could not verify. */
export type ClosedFileAnswer = { readonly tampered: readonly string[] } | { readonly failed: string };
