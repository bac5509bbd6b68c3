import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { encodeBase64 } from '../../src/format/base64.ts';
import { TAIL_LENGTH } from '../../src/format/entry.ts';
import { formatRecordExtra } from '../../src/format/evidence/record-extra.ts';
import { formatTlogProof } from '../../src/format/evidence/tlog-proof.ts';
import { kidOf } from '../../src/format/origin.ts';
import { noteKeyId, ratchetKeyId } from '../../src/format/vkey.ts';
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
import { proveConsistency, proveInclusion, rootOf } from '../support/proof.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { fixedBytes, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey, serviceKey } from './keys.ts';
import { bothLog, signKeys } from './logs.ts';

/** Vectors of single steps: what an implementation can check before it reads a whole file. Bytes are hex unless named otherwise. */

const hex = (digest: string): string => digestBytes(digest).toString('hex');

function keySchedule(): unknown {
  return [
    { origin: 'audit.example.com/vectors/a', epoch: 1 },
    { origin: 'audit.example.com/payments/host-7', epoch: 2 },
    { origin: 'a', epoch: 4294967296 },
    { origin: 'audit.example.com/vectors/a', epoch: Number.MAX_SAFE_INTEGER },
  ].map(({ origin, epoch }) => {
    const nonce = fixedBytes(`nonce of ${origin}`);
    const schedule = KeySchedule.derive(dataKey, { nonce, origin, epoch });
    const leaf = Buffer.from('{"a":1,"integrity":{"seq":3,"key_id":"AAAAAAAA.1","mac":"');
    const text = `${origin}\n3\n${encodeBase64(Buffer.alloc(32, 7))}\n`;
    const steps = [0, 1, 2].map((step) => {
      const auth = schedule.authenticate(hashLeaf(leaf));
      const checkpoint = schedule.macCheckpoint(Buffer.from(text)).toString('hex');
      schedule.advance();
      return { step, auth, checkpoint_mac: checkpoint };
    });
    return {
      data_key: dataKey.toString('hex'),
      nonce: nonce.toString('hex'),
      origin,
      epoch,
      kid: kidOf(origin, epoch),
      fp: schedule.fingerprint.toString('hex'),
      ratchet_key_id: ratchetKeyId(origin, schedule.fingerprint).toString('hex'),
      leaf: leaf.toString('utf8'),
      checkpoint_text: text,
      steps,
    };
  });
}

function tree(): unknown {
  const leaves = Array.from({ length: 21 }, (_, at) => Buffer.from(`leaf ${at + 1}`));
  const hashes = leaves.map((leaf) => hashLeaf(leaf));
  const frontier = new Frontier();
  const sizes = [{ size: 0, root: hex(frontier.root()), frontier: [] as string[] }];
  for (const digest of hashes) {
    frontier.append(digest);
    sizes.push({ size: frontier.size, root: hex(frontier.root()), frontier: frontier.subtrees.map(hex) });
  }
  const inclusion = [1, 2, 7, 8, 13, 21].flatMap((size) =>
    [0, Math.floor(size / 2), size - 1].map((index) => ({
      size,
      index,
      leaf_hash: hex(hashes[index] as string),
      root: hex(rootOf(hashes.slice(0, size))),
      proof: proveInclusion(hashes.slice(0, size), index).map(hex),
    })),
  );
  const consistency = [
    [1, 2],
    [3, 7],
    [4, 8],
    [6, 13],
    [8, 21],
    [21, 21],
  ].map(([one, other]) => ({
    first: one,
    second: other,
    first_root: hex(rootOf(hashes.slice(0, one))),
    second_root: hex(rootOf(hashes.slice(0, other))),
    proof: proveConsistency(hashes.slice(0, other), one as number).map(hex),
  }));
  return { leaves: leaves.map(String), sizes, inclusion, consistency };
}

function vkeys(): unknown {
  const origins = ['audit.example.com/vectors/a', 'audit.example.com/vectors/b'];
  const keys = [edKey, p256Key, p384Key, rsaPssKey, rsaPkcs1Key, serviceKey];
  return origins.flatMap((origin) =>
    keys.map((key) => ({
      name: origin,
      algorithm: key.signer.algorithm,
      key: key.noteKey.bytes.toString('hex'),
      key_id: noteKeyId(origin, key.noteKey).toString('hex'),
      vkey: vkeyOf(origin, key),
    })),
  );
}

function notes(): unknown {
  const log = bothLog();
  return [2, 8, 14].map((size) => ({
    note: log.note({ size }),
    origin: log.origin,
    size,
    root: hex(rootOf(log.leaves.slice(0, size))),
    vkeys: [vkeyOf(log.origin, edKey)],
    text_sha256: hex(sha256(log.seals.find((seal) => seal.size === size)?.text ?? '')),
  }));
}

/** Lists of nights with their roots, and proofs out of the journal that has the last of them (spec/journal.md, section 5). */

const JOURNAL = 'audit.example.com/journal';
const NIGHT = '2026-11-24T23:00:00.000Z';
const root = (name: string): string => base64Of(sha256(name));

/** A list of so many streams, with each state in it once there are seven. */
function listOf(streams: number): { entries: JournalEntry[]; lines: string[]; tree: NightTree } {
  const entries = Array.from({ length: streams }, (_, at): JournalEntry => {
    const origin = `audit.example.com/fleet/host-${at}`;
    const since = at % 2 === 1 ? { size: 3, root: root(`${origin} before`) } : undefined;
    const state = (['ok', 'ok', 'tampered', 'absent', 'undecided', 'retired', 'unnamed'] as const)[at % 7] ?? 'ok';
    const head = state === 'ok' ? { size: at + 4, root: root(origin) } : undefined;
    const seen = state === 'undecided' ? { size: at + 9, root: root(`${origin} seen`) } : undefined;
    const first = at % 5 === 4 ? at : undefined;
    return {
      origin,
      state,
      since,
      head,
      seen,
      first,
      memory: state === 'absent' ? undefined : root(`${origin} memory`),
    };
  });
  entries.sort((one, other) => (keyOf(one.origin) < keyOf(other.origin) ? -1 : 1));
  const lines = entries.map(formatEntry);
  return { entries, lines, tree: new NightTree(entries.map(({ origin }, at) => itemOf(origin, lines[at] ?? ''))) };
}

function journalVectors(): unknown {
  const example = { origin: 'fleet/a', state: 'ok', head: { size: 3, root: encodeBase64(Buffer.alloc(32)) } } as const;
  const line = formatEntry(example);
  const single = { lines: [line], tree: new NightTree([itemOf(example.origin, line)]) };
  const lists = [single, ...[2, 3, 5, 20].map(listOf)].map(({ lines, tree }) => {
    return { list: `${lines.join('\n')}\n`, streams: tree.streams, bits: tree.bits, root: base64Of(tree.root) };
  });
  const { entries, tree } = listOf(20);
  const log = new SealedLog(JOURNAL).open(signKeys).seal().checkpoint();
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
  return { key_of_the_first: key, journal: JOURNAL, vkey: vkeyOf(JOURNAL, edKey), night: NIGHT, lists, proofs };
}

export function unitVectors(): Record<string, unknown> {
  return { 'key-schedule': keySchedule(), tree: tree(), vkeys: vkeys(), notes: notes(), journal: journalVectors() };
}
