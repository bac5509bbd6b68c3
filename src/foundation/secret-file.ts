/** What the system says of a file that holds a secret. */
export interface SecretFileStats {
  readonly uid: number;
  readonly mode: number;
}

/**
 * Whether somebody else may read a secret, but for the group that root gave it to: a Kubernetes secret with `fsGroup` and a
 * systemd credential have mode 0440 and belong to root, because the process must not own them. On Windows that is a matter of
 * its lists.
 */
export function othersMayRead({ uid, mode }: SecretFileStats): boolean {
  if (process.platform === 'win32') return false;
  const isGivenByRoot = uid === 0 && process.geteuid?.() !== 0;
  return (mode & (isGivenByRoot ? 0o037 : 0o077)) !== 0;
}
