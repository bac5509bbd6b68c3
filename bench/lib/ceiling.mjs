// What node:crypto alone allows: the hashes that the format asks for, over the same records, and nothing else. Every rate
// in this folder is shown as a ratio to one of these, measured in the same run.
import { createHash, hash } from 'node:crypto';

const inner = Buffer.allocUnsafeSlow(96).fill(0x36);
const outer = Buffer.allocUnsafeSlow(96).fill(0x5c);
const node = Buffer.allocUnsafeSlow(65).fill(1);

/** Leaf hash, HMAC in two, one node of the tree: what a record costs in MAC mode. */
export function fourHashes(leaf) {
  const digest = hash('sha256', leaf, 'binary');
  inner.write(digest, 64, 32, 'latin1');
  outer.write(hash('sha256', inner, 'binary'), 64, 32, 'latin1');
  const mac = hash('sha256', outer, 'base64url');
  node.write(digest, 1, 32, 'latin1');
  return mac + hash('sha256', node, 'binary');
}

/** Leaf hash and one node of the tree: what a record costs in signing mode. */
export function twoHashes(leaf) {
  const digest = hash('sha256', leaf, 'binary');
  node.write(digest, 1, 32, 'latin1');
  return hash('sha256', node, 'binary');
}

/** CPU seconds of this process that `work` takes. */
export async function cpuSeconds(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Records per CPU second of `hashes` over leaves of `bytes` bytes. */
export async function ceiling(hashes, bytes, count = 300_000) {
  const leaf = Buffer.alloc(bytes, 0x61);
  let length = 0;
  const seconds = await cpuSeconds(() => {
    for (let at = 0; at < count; at++) length += hashes(leaf).length;
  });
  if (length === 0) throw new Error('nothing was hashed');
  return count / seconds;
}

const BLOCK = 64;
/** Blocks that the two hashes of an HMAC take whose pads were hashed before, and a node of the tree. */
const MAC_AND_NODE_BLOCKS = 1 + 1 + 2;

/** Records per CPU second if the four hashes of each came at the rate of one long SHA-256: what no program on one stream of it can exceed. */
export async function rawCeiling(leafBytes, megabytes = 256) {
  const bytes = Buffer.alloc(2 ** 20, 0x61);
  const digest = createHash('sha256');
  const seconds = await cpuSeconds(() => {
    for (let at = 0; at < megabytes; at++) digest.update(bytes);
  });
  digest.digest();
  const blocks = Math.ceil((leafBytes + 9) / BLOCK) + MAC_AND_NODE_BLOCKS; // 9: what SHA-256 adds to every message
  return (megabytes * bytes.length) / BLOCK / blocks / seconds;
}
