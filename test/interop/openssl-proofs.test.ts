import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, proveRecord } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { LOG_KEYS, noteOf } from '../support/witnessed-logs.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/** The script with openssl in docs/evidence.md, for a key of every kind that openssl 3.0 knows. */

const page = readFileSync(fileURLToPath(new URL('../../docs/evidence.md', import.meta.url)), 'utf8');
const script = /```bash\n(# check-record\.sh\n[\s\S]*?)```/.exec(page)?.[1] ?? '';
const keys = LOG_KEYS.filter(({ signer }) => !signer.algorithm.startsWith('ml-dsa'));
let folder = '';
const put = (name: string, text: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'openssl-proofs-'));
  put('check-record.sh', script);
});
afterAll(() => rmSync(folder, { recursive: true }));

const pem = (key: SigningKey): string => {
  const spki = createPublicKey({ key: key.noteKey.bytes, format: 'der', type: 'spki' });
  return put('key.pem', spki.export({ format: 'pem', type: 'spki' }));
};

function check(proof: string, key: SigningKey, origin: string): { status: number | null; said: string } {
  const argv = [join(folder, 'check-record.sh'), put('one.tlog-proof', proof), pem(key), origin];
  const { status, stdout, stderr } = spawnSync('bash', argv, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** Of a log that another key signs too, cosigned. */
async function proofOf(key: SigningKey): Promise<{ proof: string; origin: string }> {
  const log = new SealedLog()
    .open({ signers: [nextEdKey, key] })
    .seal()
    .checkpoint()
    .record('{"n":1}')
    .close();
  log.checkpoint({ witnesses: [{ witness: witnessKey('witness.example.com/w'), time: 1_795_561_230 }] });
  const paths = [put('log.jsonl', log.toFiles()[0]?.bytes ?? '')];
  const { proof = '' } = await proveRecord({
    paths,
    seq: 3,
    origin: log.origin,
    keys: auditorKeys({ publicKeys: [vkeyOf(log.origin, key)] }),
  });
  return { proof, origin: log.origin };
}

describe('openssl and a shell', () => {
  it.each(keys.map((key) => [key.signer.algorithm, key] as const))('check a proof by %s', async (_name, key) => {
    const { proof, origin } = await proofOf(key);
    expect(check(proof, key, origin)).toMatchObject({ status: 0, said: expect.stringContaining(`${origin}\n{"n":1,`) });
    const head = proof.slice(0, proof.indexOf('\n\n') + 2);
    const { text, lines } = noteOf(proof);
    const turned = `${head}${text}\n${[...lines].reverse().join('\n')}\n`;
    expect(check(turned, key, origin).status).toBe(0);
    for (const [changed, by, name, said] of [
      [proof, key, `${origin}/b`, 'the proof is of another stream'],
      [proof, key === edKey ? keys[1] : edKey, origin, 'no signature by this key'],
      [proof.replace('\nindex 2\n', '\nindex 1\n'), key, origin, 'the record is not in this tree'],
      [proof.replaceAll(`— ${origin} `, '— another '), key, origin, 'no signature by this key'],
    ] as const) {
      expect(check(changed, by as SigningKey, name)).toEqual({ status: 1, said: `${said}\n` });
    }
  });
});
