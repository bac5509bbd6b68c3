import { kidOf } from '../../src/format/origin.ts';
import { type Brings, inOrder } from '../support/judge.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import type { SigningKey } from '../support/signing-keys.ts';
import { vkeyOf } from '../support/signing-keys.ts';

/** One vector: the files, what the auditor brings, what the report must say. */
export interface VectorCase {
  readonly name: string;
  readonly about: string;
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
  /** Files that stand beside them and are not given to the verifier by name. */
  readonly beside?: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly brings: Brings;
  /** Verdict, then every finding as `CODE seq`, `CODE first-last` or `CODE`. */
  readonly expect: { readonly verdict: 0 | 1 | 2; readonly findings: readonly string[] };
}

/** What else a vector's auditor brings. */
export type Further = Omit<Partial<Brings>, 'origin' | 'data_keys' | 'vkeys'>;

/** The data keys and public keys that an auditor of a log brings. */
export function brings(
  log: SealedLog,
  keys: { readonly data?: readonly Buffer[]; readonly named?: readonly SigningKey[] },
  further: Further = {},
): Brings {
  const data: Record<string, string> = {};
  for (const [at, key] of (keys.data ?? []).entries()) data[kidOf(log.origin, at + 1)] = key.toString('hex');
  return {
    origin: log.origin,
    ...(keys.data && { data_keys: data }),
    ...(keys.named && { vkeys: keys.named.map((key) => vkeyOf(log.origin, key)) }),
    ...further,
  };
}

/** A vector whose files are those of a log. */
export function vector(
  name: string,
  about: string,
  log: SealedLog | VectorCase['files'],
  auditor: Brings,
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase {
  const files = 'toFiles' in log ? log.toFiles() : log;
  const named = files.map((file) => ({ name: file.name.replace(/^log/, name), bytes: file.bytes }));
  return { name, about, files: named, brings: auditor, expect: { verdict, findings: findings.sort(inOrder) } };
}
