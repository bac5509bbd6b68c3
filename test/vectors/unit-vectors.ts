import { digestBytes, sha256 } from '../../src/core/hash.ts';
import { KeySchedule } from '../../src/core/key-schedule.ts';
import { Frontier, hashLeaf } from '../../src/core/tree.ts';
import { encodeBase64 } from '../../src/format/base64.ts';
import { kidOf } from '../../src/format/origin.ts';
import { noteKeyId, ratchetKeyId } from '../../src/format/vkey.ts';
import { proveConsistency, proveInclusion, rootOf } from '../support/proof.ts';
import { fixedBytes, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey, serviceKey } from './keys.ts';
import { bothLog } from './logs.ts';

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

export function unitVectors(): Record<string, unknown> {
  return { 'key-schedule': keySchedule(), tree: tree(), vkeys: vkeys(), notes: notes() };
}
