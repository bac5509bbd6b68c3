import assert from 'node:assert/strict';
import { formatRecordExtra, parseRecordExtra } from '../../src/format/evidence/record-extra.ts';
import { formatTlogProof, parseTlogProof } from '../../src/format/evidence/tlog-proof.ts';
import { auditorKeys, verifyProof } from '../../src/index.ts';
import { proveInclusion } from '../support/proof.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { bothLog, signedLog } from '../vectors/logs.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';
import { assertPrintable } from './text-targets.ts';

/** The proof of one record. */

function proofs(): Buffer[] {
  return [signedLog(), bothLog()].flatMap((log) =>
    [3, 9].map((seq) => {
      const size = seq < 8 ? 8 : 14;
      const leaves = log.leaves.slice(0, size);
      const leafOf = (at: number): Buffer =>
        log.lines.find((line) => line.seq === at)?.bytes.subarray(0, -46) ?? Buffer.alloc(0);
      const sealProof = proveInclusion(leaves, size - 1);
      const extra = formatRecordExtra({ record: leafOf(seq), sealLeaf: leafOf(size), sealProof });
      const proof = proveInclusion(leaves, seq - 1);
      return Buffer.from(formatTlogProof({ extra, index: seq - 1, proof, note: log.note({ size, mac: false }) }));
    }),
  );
}

const genuine = new Set(proofs().map((bytes) => bytes.toString('latin1')));
const { origin } = signedLog();
const publicKeys = [vkeyOf(origin, edKey)];

/** A change inside the extra data, whose base64 would hide it from a change of bytes. */
function changeExtra(input: Buffer, random: Random): Buffer | undefined {
  const [, data] = /^extra (.*)$/m.exec(input.toString('utf8')) ?? [];
  const bytes = Buffer.from(data ?? '', 'base64');
  if (data === undefined || bytes.length === 0) return undefined;
  const place = random.below(bytes.length);
  const to = random.below(2) === 0 ? random.below(256) : (bytes[random.below(bytes.length)] ?? 0);
  bytes[place] = to;
  return Buffer.from(input.toString('utf8').replace(data, () => bytes.toString('base64')));
}

export const recordProof: Target = {
  name: 'record-proof',
  seeds: proofs,
  tokens: ['c2sp.org/tlog-proof@v1\n', 'extra ', 'index ', '\n\n', '— ', 'AAAA', '=', '9007199254740991'],
  change: changeExtra,
  async run(input) {
    const reading = parseTlogProof(input);
    if ('proof' in reading) {
      const { proof } = reading;
      assert.equal(formatTlogProof(proof), input.toString('utf8')); // one spelling
      const extra = proof.extra && parseRecordExtra(proof.extra, proof.checkpoint.size);
      if (extra !== undefined && 'extra' in extra) assert.deepEqual(formatRecordExtra(extra.extra), proof.extra);
    }
    const { verdict, findings } = await verifyProof(input, { origin, keys: auditorKeys({ publicKeys }) });
    for (const { message } of findings) assertPrintable(message);
    // other signature lines are skipped, so a genuine proof stays one with them (M4.4)
    if (verdict !== 'ok') return;
    const [head = '', text = ''] = input.toString('latin1').split('\n\n');
    assert.ok(
      [...genuine].some((one) => one.startsWith(`${head}\n\n${text}\n\n`)),
      'a proof that nobody made',
    );
  },
};
