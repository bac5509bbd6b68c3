/** The files that were dropped into the page, under the paths that the verifier and its report have for them. */

/** One of them. */
export interface PlacedFile {
  readonly path: string;
  readonly blob: Blob;
  /** Tells it from every other one. */
  readonly number: number;
}

const files = new Map<string, PlacedFile>();
/** Names in each folder. */
const folders = new Map<string, Set<string>>();

/** Puts a file under a path with `/` between its parts. It throws where another one has the path. */
export function place(path: string, blob: Blob): void {
  const own = normal(path);
  const there = files.get(own);
  if (there?.blob === blob) return;
  if (there !== undefined || folders.has(own)) throw new Error(`two files have the path ${own}`);
  files.set(own, { path: own, blob, number: files.size + 1 });
  for (
    let name = own, slash = own.lastIndexOf('/');
    slash >= 0;
    name = name.slice(0, slash), slash = name.lastIndexOf('/')
  ) {
    const folder = name.slice(0, slash);
    const names = folders.get(folder) ?? new Set();
    folders.set(folder, names.add(name.slice(slash + 1)));
  }
}

export function fileAt(path: string): PlacedFile | undefined {
  return files.get(normal(path));
}

export function isFolder(path: string): boolean {
  return folders.has(normal(path));
}

/** The names in a folder, in no order that says anything. */
export function namesIn(path: string): string[] {
  return [...(folders.get(normal(path)) ?? [])];
}

function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
