/** `node:path` with `/`, as far as the verifier uses it. */

export function basename(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}

export function dirname(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, Math.max(slash, 1));
}

export function join(...parts: string[]): string {
  const path = parts.filter((part) => part !== '' && part !== '.').join('/');
  return path === '' ? '.' : path.replaceAll(/\/{2,}/g, '/');
}

export function resolve(...parts: string[]): string {
  return join(...parts);
}
