import { createHash } from 'node:crypto';

/** Lines that `sha256sum -c` reads. */
export function checksums(files) {
  return [...files].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`).join('');
}
