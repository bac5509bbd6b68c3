import type { NoteAlgorithm } from './vkey.ts';

/**
 * The manifest beside a closed file (spec 7): an index and never an authority. Whoever reads one recomputes every field.
 *
 *     <file>.manifest.json    one JSON object, members in the order below, LF at the end
 */

/** What stands in `signature_algo` where a note has no signature of a key: our own MAC (spec 4). */
export const RATCHET_ALGORITHM = 'ratchet-hmac-sha256';

/** The tree before a file's first entry. */
export interface ManifestOrigin {
  readonly origin: string;
  readonly size: number;
  /** Standard padded base64. */
  readonly root: string;
}

/** A manifest, its members as they are spelled in the file. */
export interface Manifest {
  readonly version: 1;
  readonly origin: string;
  /** Base name of the file, as it was before it was compressed. */
  readonly file: string;
  /** `time` of the file's first `open` and of its `close`. */
  readonly created_ts: string;
  readonly closed_ts: string;
  /** Record lines of the whole file, of all runs that wrote to it. */
  readonly record_count: number;
  /** Seq of the file's first and last entry. */
  readonly first_seq: number;
  readonly last_seq: number;
  /** When the first and the last record since the file's last `open` were taken: the times of its `close`. Absent without records. */
  readonly first_ts?: string;
  readonly last_ts?: string;
  /** Size and root of the tree after the last entry; root in standard padded base64. */
  readonly size: number;
  readonly root: string;
  readonly algo: 'hmac-sha256' | 'sha256';
  /** KID of the last entry. */
  readonly key_id: string;
  /** The tree before the file's first entry; of another stream where this one continues it. Absent at a stream's beginning. */
  readonly continues_from?: ManifestOrigin;
  /** Length of the file, uncompressed: all of it as it was closed, the checkpoint lines after its `close` too. */
  readonly bytes: number;
  /** SHA-256 of the file's first {@link Manifest.bytes} bytes, uncompressed: 64 hex digits. */
  readonly sha256: string;
  /** The signed note of size {@link Manifest.size}. */
  readonly checkpoint: string;
  /** The algorithm and value (standard padded base64, without the key id) of the note's first signature. */
  readonly signature_algo: NoteAlgorithm | typeof RATCHET_ALGORITHM;
  readonly signature: string;
}

/** The text of a manifest file. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(
    {
      version: manifest.version,
      origin: manifest.origin,
      file: manifest.file,
      created_ts: manifest.created_ts,
      closed_ts: manifest.closed_ts,
      record_count: manifest.record_count,
      first_seq: manifest.first_seq,
      last_seq: manifest.last_seq,
      first_ts: manifest.first_ts,
      last_ts: manifest.last_ts,
      size: manifest.size,
      root: manifest.root,
      algo: manifest.algo,
      key_id: manifest.key_id,
      continues_from: manifest.continues_from,
      bytes: manifest.bytes,
      sha256: manifest.sha256,
      checkpoint: manifest.checkpoint,
      signature_algo: manifest.signature_algo,
      signature: manifest.signature,
    },
    undefined,
    2,
  )}\n`;
}
