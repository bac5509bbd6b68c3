import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { encodeBase64 } from '../../src/format/base64.ts';
import { TAIL_LENGTH } from '../../src/format/entry.ts';
import { formatRecordExtra } from '../../src/format/evidence/record-extra.ts';
import { formatTlogProof } from '../../src/format/evidence/tlog-proof.ts';
import {
  base64Of,
  bucketOf,
  formatBegins,
  formatEnds,
  formatEntry,
  itemOf,
  type JournalEntry,
  keyOf,
  NightTree,
} from '../../src/journal/nights.ts';
import { formatStreamProof } from '../../src/journal/stream-proof.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';
import { proveInclusion } from './proof.ts';
import { SealedLog } from './sealed-log.ts';
import { vkeyOf } from './signing-keys.ts';

/** Lists of nights with their roots, and proofs out of the journal that has the last of them (spec/journal.md, section 5). */

const ORIGIN = 'audit.example.com/journal';
const NIGHT = '2026-11-24T23:00:00.000Z';
const root = (name: string): string => base64Of(sha256(name));

/** A list of so many streams, with each state in it once there are five. */
function listOf(streams: number): { entries: JournalEntry[]; lines: string[]; tree: NightTree } {
  const entries = Array.from({ length: streams }, (_, at): JournalEntry => {
    const origin = `audit.example.com/fleet/host-${at}`;
    const since = at % 2 === 1 ? { size: 3, root: root(`${origin} before`) } : undefined;
    const state = (['ok', 'ok', 'tampered', 'absent', 'undecided', 'retired'] as const)[at % 6] ?? 'ok';
    return { origin, state, since, head: state === 'ok' ? { size: at + 4, root: root(origin) } : undefined };
  });
  entries.sort((one, other) => (keyOf(one.origin) < keyOf(other.origin) ? -1 : 1));
  const lines = entries.map(formatEntry);
  return { entries, lines, tree: new NightTree(entries.map(({ origin }, at) => itemOf(origin, lines[at] ?? ''))) };
}

export function journalVectors(): unknown {
  const example = { origin: 'fleet/a', state: 'ok', head: { size: 3, root: encodeBase64(Buffer.alloc(32)) } } as const;
  const line = formatEntry(example);
  const single = { lines: [line], tree: new NightTree([itemOf(example.origin, line)]) };
  const lists = [single, ...[2, 3, 5, 20].map(listOf)].map(({ lines, tree }) => {
    return { list: `${lines.join('\n')}\n`, streams: tree.streams, bits: tree.bits, root: base64Of(tree.root) };
  });
  const { entries, tree } = listOf(20);
  const log = new SealedLog(ORIGIN).open(signKeys).seal().checkpoint();
  const digest = root('what was asked');
  log.record(formatBegins({ night: NIGHT, config: digest, policy: digest, verifier: 'fapilog-tamper 0.1.0' }));
  log.seal().checkpoint();
  const { streams, bits } = tree;
  log.record(formatEnds({ night: NIGHT, of: 3, streams, bits, root: base64Of(tree.root) }));
  log.seal().checkpoint().close().checkpoint();
  const bytesOf = (seq: number): Buffer => {
    const { bytes } = log.lines.find((one) => one.seq === seq) ?? { bytes: Buffer.alloc(0) };
    return bytes.subarray(0, bytes.length - TAIL_LENGTH);
  };
  const [seq, size] = [5, 6];
  const leaves = log.leaves.slice(0, size);
  const extra = formatRecordExtra({
    record: bytesOf(seq),
    sealLeaf: bytesOf(size),
    sealProof: proveInclusion(leaves, size - 1),
  });
  const index = seq - 1;
  const record = formatTlogProof({ extra, index, proof: proveInclusion(leaves, index), note: log.note({ size }) });
  const proofs = ['host-3', 'host-4', 'host-7', 'nobody'].map((name) => {
    const origin = `audit.example.com/fleet/${name}`;
    const entry = entries.find((one) => one.origin === origin);
    const bucket = bucketOf(keyOf(origin), bits);
    const proof = formatStreamProof(record, { origin, entry, items: tree.bucket(bucket), path: tree.path(bucket) });
    return { stream: origin, entry: entry === undefined ? null : formatEntry(entry), bucket, proof };
  });
  const key = digestBytes(keyOf('fleet/a')).toString('hex');
  return { key_of_the_first: key, journal: ORIGIN, vkey: vkeyOf(ORIGIN, edKey), night: NIGHT, lists, proofs };
}
