import type { Readable } from 'node:stream';
import { isMlDsa } from '../../core/ml-dsa.ts';
import { readControl } from '../../format/control.ts';
import { type KeyReference, noteKeyOf, signersOf } from '../../format/key-reference.ts';
import { formatVkey } from '../../format/vkey.ts';
import { isOwnSource } from '../../keys/identity.ts';
import { filesInOrder, type WalkedLine, walk } from './walk.ts';

/** A policy file to begin with, out of what a log says of itself. Its reader is told to check every line of it. */

interface Draft {
  readonly records: Set<string>;
  /** What names a data key in YAML, and the first entry under it. */
  readonly wraps: Map<string, number>;
  readonly vkeys: Map<string, number>;
  /** Whether ML-DSA has signed in every key period from one on; undefined before the first. */
  postQuantum: boolean | undefined;
}

/** Names that need no quotes in YAML do not occur here. Nothing that a terminal or an editor obeys is printed raw (M8.25). */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

function take(draft: Draft, origin: string, key: KeyReference, seq: number): void {
  draft.records.add(key.records);
  if (key.records === 'mac') {
    const source = isOwnSource(key.source) ? '' : `, source: ${quote(key.source)}`;
    const wrap = `${quote(key.identity)}${source}`;
    if (!draft.wraps.has(wrap)) draft.wraps.set(wrap, seq);
  }
  const signs = signersOf(key).some(({ algorithm }) => isMlDsa(algorithm));
  if (signs || draft.postQuantum !== undefined) draft.postQuantum = signs && draft.postQuantum !== false;
  for (const signer of signersOf(key)) {
    const vkey = formatVkey(origin, noteKeyOf(signer));
    if (!draft.vkeys.has(vkey)) draft.vkeys.set(vkey, seq);
  }
}

function streamText(origin: string, { records, wraps, vkeys, postQuantum }: Draft): string {
  const weakest = records.has('hash') ? 'hash' : 'mac';
  const require = [
    ...(weakest === 'mac' ? ['mac'] : []),
    ...(vkeys.size > 0 ? ['signature'] : []),
    ...(postQuantum === true ? ['post-quantum'] : []),
  ];
  const keys = [
    ...[...wraps].map(([wrap, seq]) => `      - { wrap: ${wrap}, from_seq: ${seq} }`),
    ...[...vkeys].map(([vkey, seq]) => `      - { sign: ${quote(vkey)}, from_seq: ${seq} }`),
  ];
  return [
    `  - origin: ${quote(origin)}`,
    `    records: ${weakest}                # the weakest records that you accept`,
    `    require: [${require.join(', ')}]${wraps.size > 0 && vkeys.size > 0 ? ' # without the data keys: remove mac, and the wrap: lines below' : ''}`,
    '    keys:                        # from the log: compare each with what your key service says',
    ...keys,
    '    pins: []                     # files with checkpoints that you hold',
    '    end: closed                  # or live, or { until: 2026-01-31T00:00:00Z }',
    '    accept: { adopted: 0, restarts: keyed, dropped: 0, successors: false }',
  ].join('\n');
}

/** The text of a policy for the streams in these files. Nothing of it was verified. */
export async function draftPolicy(paths: readonly string[], input: Readable): Promise<string> {
  const drafts = new Map<string, Draft>();
  let origin: string | undefined;
  const visit = ({ read, bytes }: WalkedLine): undefined => {
    if (read.type !== 'control' || (read.kind !== 'open' && read.kind !== 'key')) return undefined;
    const reading = readControl(bytes, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
    if (!('entry' in reading)) return undefined;
    const { entry } = reading;
    if (entry.kind === 'open') ({ origin } = entry);
    if (origin === undefined || (entry.kind !== 'open' && entry.kind !== 'key')) return undefined;
    const draft = drafts.get(origin) ?? {
      records: new Set(),
      wraps: new Map(),
      vkeys: new Map(),
      postQuantum: undefined,
    };
    drafts.set(origin, draft);
    take(draft, origin, entry.key, entry.kind === 'open' ? entry.epochSeq : read.seq);
    return undefined;
  };
  const { files, doubts } = await filesInOrder({ paths, input }, undefined);
  await walk(files, visit, () => undefined);
  const head = [
    '# What a log says about itself, as a policy. NOTHING HERE IS VERIFIED: anyone who could write the log could write this.',
    '# Compare each key with what your key service says before you trust it. docs/policy.md explains every member.',
    ...doubts.map(({ message }) => `# DO NOT USE THIS, the keys may be a forger's: ${quote(message)}`),
    'version: 1',
    'streams:',
  ];
  return `${[...head, ...[...drafts].map(([name, draft]) => streamText(name, draft))].join('\n')}\n`;
}
