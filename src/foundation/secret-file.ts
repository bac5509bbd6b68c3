import { TamperError } from '../errors.ts';
import { OTHERS_WRITE } from './descriptor.ts';
import { shown } from './key-like.ts';

/** What the system says of a file that holds a secret, or of a directory of such files. */
export interface SecretFileStats {
  readonly uid: number;
  readonly mode: number;
}

/**
 * Refuses a file that holds a secret if somebody else may read it or change it, but for the group that root gave it to: a
 * Kubernetes secret with `fsGroup` and a systemd credential have mode 0440 and belong to root, because the process must not own
 * them. On Windows that is a matter of its lists.
 *
 * @param what - `key file`
 * @throws {@link TamperError} `KEY_FILE_PERMISSIONS`
 */
export function checkSecretFile(what: string, path: string, stats: SecretFileStats): void {
  checkOwner(what, path, stats);
  const isGivenByRoot = stats.uid === 0 && process.geteuid?.() !== 0;
  if (process.platform === 'win32' || (stats.mode & (isGivenByRoot ? 0o037 : 0o077)) === 0) return;
  const hint = path.endsWith('.pub')
    ? `Name the ${what} itself: NAME.pub is the public half that keygen wrote beside it.`
    : `Run: chmod 600 ${quoted(path)} (a Kubernetes secret: defaultMode 0440 with fsGroup)`;
  throw refused(`users other than its owner may access the ${what} ${shown(path)} (mode ${bits(stats.mode)})`, hint);
}

/**
 * Refuses a directory of keys that others may write to: a key that somebody put there would count as one of ours.
 *
 * @throws {@link TamperError} `KEY_FILE_PERMISSIONS`
 */
export function checkKeyDirectory(path: string, stats: SecretFileStats): void {
  checkOwner('directory of keys', path, stats);
  if (process.platform === 'win32' || (stats.mode & OTHERS_WRITE) === 0) return;
  const hint = 'Run: chmod go-w DIR, then check that each key in it is one of yours.';
  throw refused(
    `users other than its owner may put keys into the directory ${shown(path)} (mode ${bits(stats.mode)})`,
    hint,
  );
}

/** Its owner may change it at any time, whatever its mode is. */
function checkOwner(what: string, path: string, { uid }: SecretFileStats): void {
  const self = process.geteuid?.();
  if (self === undefined || uid === self || uid === 0) return;
  throw refused(
    `the ${what} ${shown(path)} belongs to user ${uid}, but this process runs as user ${self}`,
    `Check that it is yours, then run: chown ${self} ${quoted(path)}, or run this as its owner`,
  );
}

const bits = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');
const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;
const refused = (what: string, hint: string): TamperError => new TamperError('KEY_FILE_PERMISSIONS', what, { hint });
