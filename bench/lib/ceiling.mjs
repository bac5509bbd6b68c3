// What node:crypto alone allows: the hashes that the format asks for, over the same records, and nothing else. Every rate
// in this folder is shown as a ratio to one of these, measured in the same run.
import { hash } from 'node:crypto';

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
