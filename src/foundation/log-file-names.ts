import { basename, dirname, join } from 'node:path';

/** What the names of files beside a log say: on a disk and in a bucket the same. */

/** Names that hold no sealed lines: ours beside the log. */
const TORN = /\.torn-.*$/;
const BESIDE = new RegExp(`\\.(manifest\\.json|chainstate|lock|tmp|erase-new|erase-old|erase-gone)$|${TORN.source}`);
const MANIFEST = /(\.gz)?\.manifest\.json$/;

/** The names that a file has while an erasure replaces it (spec/erasure.md, R3.2). */
export function erasureNames(path: string): { readonly fresh: string; readonly old: string; readonly gone: string } {
  const hidden = join(dirname(path), `.${basename(path)}`);
  return { fresh: `${hidden}.erase-new`, old: `${hidden}.erase-old`, gone: `${hidden}.erase-gone` };
}

/** Whose old or new file this is, by the name that an erasure gave it; undefined for any other name. */
export function erasedFile(name: string): string | undefined {
  return /^\.(.+)\.erase-(?:new|old|gone)$/.exec(name)?.[1];
}

/** Whether a file of this name is one of ours that holds no sealed lines. */
export function isBeside(name: string): boolean {
  return BESIDE.test(basename(name));
}

/** Whether a file of this name holds what a start took out of a log, because it was never sealed. */
export function isTornEnd(name: string): boolean {
  return TORN.test(basename(name));
}

/** Whether it is named like one of ours beside one of these files, as `audit.jsonl*` names them together. */
export function isBesideOneOf(path: string, files: ReadonlySet<string>): boolean {
  const own = BESIDE.exec(basename(path));
  const file = own && path.slice(0, path.lastIndexOf(own[0]));
  return file !== null && (files.has(file) || files.has(`${file}.gz`));
}

/** What tools put behind the name of a file that they compress. */
const COMPRESSED = ['.gz', '.zst', '.xz', '.bz2', '.lz4', '.zip'];

/** Whether a file of this name is the manifest of another. */
export function isManifest(name: string): boolean {
  return MANIFEST.test(name);
}

/** The manifests among the names in one folder whose files are not there. */
export function manifestsAlone(names: Iterable<string>): ReadonlySet<string> {
  const all = new Set(names);
  const isAlone = (name: string): boolean => {
    const file = name.replace(/\.manifest\.json$/, '');
    return file !== name && !['', ...COMPRESSED].some((ending) => all.has(`${file}${ending}`));
  };
  return new Set([...all].filter(isAlone));
}

/** The names that a manifest of this file may have. */
export function manifestsOf(name: string): readonly string[] {
  const ending = COMPRESSED.find((one) => name.endsWith(one)) ?? '';
  return [...new Set([name, name.slice(0, name.length - ending.length)])].map((one) => `${one}.manifest.json`);
}
