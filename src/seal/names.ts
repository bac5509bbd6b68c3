import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { expandOrigin, expandPath, type ResolvedConfig } from '../config/index.ts';
import { digestBytes, sha256 } from '../core/hash.ts';
import { checkOrigin } from '../format/origin.ts';
import { unusedName } from './set-aside.ts';

/** Standard output, as `file` names it. */
export const STDOUT = '-';

/** What a configuration's names come to in this process. */
export interface StreamNames {
  readonly origin: string;
  /** The sealed file's absolute path, or `-`. */
  readonly base: string;
  readonly stateDir: string;
  /** A name of this writer that no other one has. */
  readonly instance: string;
}

/** Expands the placeholders of a configuration. @throws ORIGIN_INVALID */
export function resolveNames(config: ResolvedConfig): StreamNames {
  const instance = randomBytes(8).toString('hex');
  const host = hostname();
  const values = { host, pid: String(process.pid), instance, pod: host };
  const base = config.file === STDOUT ? STDOUT : resolve(expandPath(config.file, values));
  const origin = expandOrigin(config.origin, { ...values, basename: base === STDOUT ? 'stdout' : basename(base) });
  checkOrigin(origin);
  return { origin, base, stateDir: resolve(config.stateDir), instance };
}

/** Where the state of a stream lies (spec 6). */
export function statePath(stateDir: string, origin: string): string {
  return join(stateDir, `${digestBytes(sha256(origin)).toString('hex')}.chainstate`);
}

/** Splits `audit.jsonl` into what stands before and after the time of a next file. */
export function nameParts(base: string): { readonly stem: string; readonly extension: string } {
  const extension = extname(base);
  return { stem: base.slice(0, base.length - extension.length), extension };
}

/** The path of a stream's next file: `audit.20261124T230024Z.jsonl`, with `-2` and so on where that is taken. */
export function nextFileName(base: string, stamp: string): string {
  const { stem, extension } = nameParts(base);
  return `${unusedName(`${stem}.${stamp}`, extension)}${extension}`;
}

/** The origin of the stream that continues another one: `<origin>/<UTC time>-<8 hex>` (spec 6). */
export function continuingOrigin(origin: string, stamp: string): string {
  const next = `${origin}/${stamp}-${randomBytes(4).toString('hex')}`;
  checkOrigin(next);
  return next;
}
