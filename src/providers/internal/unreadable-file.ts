import { shown } from '../../foundation/key-like.ts';

/**
 * The file of credentials that an SDK could not read, in words: Node's message names it, or the directory of it that is not
 * there; then Google's names the file. Nothing else of an SDK's text is repeated, and a path that reads like a key is not shown.
 */
export function unreadableFile(text: string): string | undefined {
  const named = /\bThe file at ([^\n]+?) does not exist\b/.exec(text)?.[1];
  const [, code, found] = /\b(E[A-Z]{3,}): [^']*, (?:open|l?stat|access) '([^'\n]+)'/.exec(text) ?? [];
  const path = named ?? found;
  return code === undefined || path === undefined
    ? undefined
    : `the file of credentials ${shown(path)} cannot be read: ${code}`;
}
