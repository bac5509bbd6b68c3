import type { SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, thirdEdKey } from '../keys.ts';
import { bothBody, macBody, signedBody } from '../logs.ts';
import { edit } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Key periods that begin in the tail of a log that is still written (M8.21). */

const first = 'FIRST_RUN_TRUSTS_KEY 1';

function soon(log: SealedLog): Further {
  return { live: true, now: new Date(log.clock + 60_000).toISOString() };
}

/** Ends inside the next key period, of whose hand-over no checkpoint is there yet. */
function handedOver(log: SealedLog, keys: Parameters<SealedLog['key']>[0]): SealedLog {
  return log.seal().checkpoint().key(keys).seal().record('{"n":1}');
}

export function liveTailCases(): VectorCase[] {
  const signed = handedOver(signedBody(), { signers: [nextEdKey] });
  const mac = handedOver(macBody(), { dataKey: nextDataKey });
  const wrong = edit(handedOver(macBody(), { dataKey: nextDataKey }), 17, '"n":1', '"n":2');
  const covered = handedOver(signedBody(), { signers: [nextEdKey] }).checkpoint({ size: 16 });
  const stranger = bothBody()
    .seal()
    .checkpoint()
    .key({ signers: [nextEdKey], dataKey: nextDataKey })
    .seal();
  const [file] = signedBody().toFiles();
  const half = Buffer.concat([file?.bytes ?? Buffer.alloc(0), Buffer.from('{"level":30,"msg":"half a li')]);
  const body = signedBody();
  return [
    vector(
      'valid-live-half-line-then-empty',
      'a live log that was renamed while it was written, an empty file in its place',
      [
        { name: 'log.1.jsonl', bytes: half },
        { name: 'log.jsonl', bytes: Buffer.alloc(0) },
      ],
      brings(body, { named: [edKey] }, soon(body)),
      0,
      'EMPTY_FILE',
      'UNSEALED_TAIL 9-13',
    ),
    vector(
      'valid-live-next-signer',
      'a live log whose next key period, of a signer that was not named, begins in the tail',
      signed,
      brings(signed, { named: [edKey] }, soon(signed)),
      0,
      'UNSEALED_TAIL 15-17',
    ),
    vector(
      'valid-live-next-data-key',
      'a live log whose next key period, without a data key, begins in the tail',
      mac,
      brings(mac, { data: [dataKey] }, soon(mac)),
      0,
      first,
      'UNSEALED_TAIL 15-17',
    ),
    vector(
      'auth-wrong-live-tail',
      'a live log in whose tail a record was changed',
      wrong,
      brings(wrong, { data: [dataKey, nextDataKey] }, soon(wrong)),
      1,
      first,
      'AUTH_WRONG 17',
    ),
    vector(
      'key-not-named-live',
      'a live log that is proven up to the hand-over to a signer that was not named',
      covered,
      brings(covered, { named: [edKey] }, soon(covered)),
      2,
      'KEY_NOT_NAMED 15-17',
      'UNSEALED_TAIL 17',
    ),
    vector(
      'unsigned-live-named-in-vain',
      'a live log whose MACs are checked, with a public key that signs none of it',
      stranger,
      brings(stranger, { data: [dataKey], named: [thirdEdKey] }, soon(stranger)),
      2,
      first,
      'UNSIGNED 1-16',
      'UNSEALED_TAIL 15-16',
    ),
  ];
}
