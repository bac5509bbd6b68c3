import { shown } from '../../foundation/key-like.ts';

/**
 * The file of credentials that an SDK could not read, in words: Node's message names it. Nothing else of an SDK's text is
 * repeated, and a path that reads like a key is not shown.
 */
export function unreadableFile(text: string): string | undefined {
  const [, code, path] = /\b(E[A-Z]{3,}): [^']*, (?:open|l?stat|access) '([^'\n]+)'/.exec(text) ?? [];
  return path === undefined ? undefined : `the file of credentials ${shown(path)} cannot be read: ${code}`;
}
