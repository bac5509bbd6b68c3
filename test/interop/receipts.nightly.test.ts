import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, proveRecord } from '../../src/index.ts';
import { ensureVenv } from '../servers/python-venv.ts';
import { encodeValue, type OpenedReceipt, openReceipt } from '../support/cose-receipt.ts';
import { saltedLog } from '../support/erased-log.ts';
import { signerOf } from '../support/key-source.ts';
import { goProgram } from '../support/registry-tools.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { edKey, nextEdKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey } from '../vectors/keys.ts';
import { signedLog } from '../vectors/logs.ts';
import { Random } from './differential/random.ts';

/**
 * scitt-cose 0.5.0 from PyPI, and go-cose 1.3.0 with transparency-dev/merkle, take our receipts and refuse every altered one
 * (E6.2, E6.3).
 */

const source = fileURLToPath(new URL('./receipts/', import.meta.url));
let binary = '';
let python = '';
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cose-'));
  binary = goProgram('receipts');
  const packages = ['scitt-cose==0.5.0', 'cbor2==6.3.0', 'cryptography==46.0.7'];
  python = await ensureVenv({ name: 'python-scitt-cose-1', packages, minimumMinor: 10 });
}, 1_800_000);
afterAll(() => rmSync(folder, { recursive: true }));

interface Case {
  readonly what: string;
  readonly receipt: Buffer;
  readonly leaf: Buffer;
}

function ask(program: string, args: string[], key: SigningKey, alg: number, cases: readonly Case[]): string[] {
  const pem = createPublicKey({ key: key.noteKey.bytes, format: 'der', type: 'spki' });
  const receipts = cases.map(({ receipt, leaf }) => ({
    receipt: receipt.toString('base64'),
    leaf: leaf.toString('base64'),
  }));
  const input = JSON.stringify({
    alg,
    key: key.noteKey.bytes.toString('base64'),
    pem: pem.export({ format: 'pem', type: 'spki' }),
    receipts,
  });
  const { stdout, stderr, status } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(stderr);
  const answers = JSON.parse(stdout) as string[];
  expect(answers).toHaveLength(cases.length);
  return answers;
}
const askGo = (key: SigningKey, alg: number, cases: readonly Case[]): string[] => ask(binary, [], key, alg, cases);
const askScitt = (key: SigningKey, alg: number, cases: readonly Case[]): string[] =>
  ask(python, [join(source, 'check.py')], key, alg, cases);

let made = 0;
async function proved(log: SealedLog, seq: number, key: SigningKey): Promise<Case> {
  const paths = log.toFiles().map(({ bytes }) => {
    const path = join(folder, `${++made}.jsonl`);
    writeFileSync(path, bytes);
    return path;
  });
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  const { receipt } = await proveRecord({
    paths,
    seq,
    origin: log.origin,
    keys,
    format: 'cose',
    signer: signerOf(key),
  });
  if (receipt === undefined) throw new Error('the record was to be proven');
  return { what: `entry ${seq}`, receipt: Buffer.from(receipt.bytes), leaf: Buffer.from(receipt.leaf) };
}

const records = (log: SealedLog): number[] =>
  log.lines.flatMap(({ seq, kind }) => (kind === 'record' ? (seq ?? []) : []));

describe('receipts of every record', () => {
  it.each<[string, SigningKey, number]>([
    ['Ed25519', edKey, -8],
    ['ECDSA P-256', p256Key, -7],
    ['ECDSA P-384', p384Key, -35],
    ['RSA-PSS', rsaPssKey, -37],
    ['RSA PKCS #1', rsaPkcs1Key, -257],
  ])('signed with %s are taken', async (_name, key, alg) => {
    const cases: Case[] = [];
    for (const log of [signedLog(), saltedLog()])
      for (const seq of records(log)) cases.push(await proved(log, seq, key));
    expect(cases.length).toBeGreaterThan(15);
    expect(new Set(askGo(key, alg, cases))).toEqual(new Set(['ok']));
    // scitt-cose has no RSA, and says so
    const answers = new Set(askScitt(key, alg, cases));
    if (alg === -37 || alg === -257) expect([...answers].join()).toMatch(/alg/);
    else expect(answers).toEqual(new Set(['ok']));
  });
});

/** One byte of the receipt or of the leaf is another one: each of them, with each of `masks` in its turn. */
function byteMutants({ receipt, leaf }: Case, masks: readonly number[]): Case[] {
  const changed = (bytes: Buffer, at: number, mask: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] as number) ^ mask;
    return copy;
  };
  const maskAt = (at: number): number => masks[at % masks.length] as number;
  return [
    ...Array.from(receipt, (_, at) => ({
      what: `byte ${at} of the receipt ^ ${maskAt(at)}`,
      receipt: changed(receipt, at, maskAt(at)),
      leaf,
    })),
    ...Array.from(leaf, (_, at) => ({
      what: `byte ${at} of the leaf ^ ${maskAt(at)}`,
      receipt,
      leaf: changed(leaf, at, maskAt(at)),
    })),
  ];
}

/** One field is another one. */
function fieldMutants(own: Case, other: Case, spki: Buffer): Case[] {
  const { receipt, leaf } = own;
  const said = openReceipt(receipt, leaf, spki);
  const strange = openReceipt(other.receipt, other.leaf, spki);
  interface Fields extends OpenedReceipt {
    readonly vds: number;
    readonly payload: Buffer | null;
    readonly tag: number;
    readonly proofs: number;
  }
  const written = (change: Partial<Fields>): Buffer => {
    const all = { ...said, vds: 1, payload: null, tag: 0xd2, proofs: 396, ...change };
    const { alg, kid, issuer, vds, size, index, path, signature, payload, tag, proofs } = all;
    const header = encodeValue(
      new Map<number, number | Buffer | Map<number, string>>([
        [1, alg],
        [4, kid],
        [15, new Map([[1, issuer]])],
        [395, vds],
      ]),
    );
    const unprotected = new Map([[proofs, new Map([[-1, [encodeValue([size, index, path])]]])]]);
    return Buffer.concat([Buffer.of(tag), encodeValue([header, unprotected, payload, signature])]);
  };
  expect(written({})).toEqual(receipt);
  const { size, index, path, signature, root } = said;
  const changes: Record<string, Partial<Fields>> = {
    'another index': { index: index ^ 1 },
    'an index beyond the size': { index: size },
    'no path': { path: [] },
    'a path without its first hash': { path: path.slice(1) },
    'a path without its last hash': { path: path.slice(0, -1) },
    'a path with a hash more': { path: [...path, path[0] ?? Buffer.alloc(32)] },
    'a path the other way round': { path: [...path].reverse() },
    'the path of another record': { path: strange.path },
    'a hash of 31 bytes': { path: [...path.slice(0, -1), (path.at(-1) ?? Buffer.of()).subarray(1)] },
    'all of another record': { size: strange.size, index: strange.index, path: strange.path },
    'a tree of one entry': { size: 1, index: 0, path: [] },
    'another algorithm': { alg: said.alg === -8 ? -7 : -8 },
    'another structure': { vds: 2 },
    'another issuer': { issuer: `${said.issuer}/other` },
    'no issuer': { issuer: '' },
    'another key id': { kid: Buffer.alloc(32) },
    'the root as the payload': { payload: Buffer.from(root, 'base64') },
    'another payload': { payload: Buffer.alloc(32) },
    'no tag of COSE_Sign1': { tag: 0xd1 },
    'proofs under another label': { proofs: 394 },
    'no signature': { signature: Buffer.of() },
    'a signature of zeros': { signature: Buffer.alloc(signature.length) },
    'a signature cut off': { signature: signature.subarray(0, -1) },
    'a signature with a byte more': { signature: Buffer.concat([signature, Buffer.of(0)]) },
    'the signature of another receipt': { signature: strange.signature },
  };
  const mutants = Object.entries(changes).map(([what, change]) => ({ what, receipt: written(change), leaf }));
  return [
    ...mutants,
    { what: 'the leaf of another record', receipt, leaf: other.leaf },
    { what: 'no leaf', receipt, leaf: Buffer.of() },
    { what: 'a leaf with a byte more', receipt, leaf: Buffer.concat([leaf, Buffer.of(10)]) },
    { what: 'a leaf with a byte fewer', receipt, leaf: leaf.subarray(0, -1) },
    { what: 'a node in the place of the leaf', receipt, leaf: Buffer.concat([Buffer.alloc(32), path[0] ?? leaf]) },
    { what: 'a receipt with a byte more', receipt: Buffer.concat([receipt, Buffer.of(0)]), leaf },
    { what: 'a receipt with a byte fewer', receipt: receipt.subarray(0, -1), leaf },
    { what: 'no receipt', receipt: Buffer.of(), leaf },
  ];
}

/** What a receipt says to our own reading of the RFCs; undefined where it does not hold. */
function opened({ receipt, leaf }: Case, spki: Buffer): OpenedReceipt | undefined {
  try {
    return openReceipt(receipt, leaf, spki);
  } catch {
    return undefined;
  }
}

const withoutSize = (said: OpenedReceipt | undefined): object => ({ ...said, size: undefined });

describe.each<[string, SigningKey, number]>([
  ['Ed25519', edKey, -8],
  ['ECDSA P-256', p256Key, -7],
  ['ECDSA P-384', p384Key, -35],
])('of receipts signed with %s', (_name, key, alg) => {
  it('more than 1,500 altered ones are refused by both', async () => {
    const spki = key.noteKey.bytes;
    const random = new Random(-alg);
    const [first, second, third] = [
      await proved(signedLog(), 5, key),
      await proved(signedLog(), 12, key),
      await proved(saltedLog(), 4, key),
    ];
    const masks = Array.from({ length: 251 }, () => 1 + random.int(255));
    const all = [
      ...byteMutants(first, [0x01]),
      ...byteMutants(second, [0x80]),
      ...byteMutants(third, [0x04]),
      ...byteMutants(third, masks),
      ...fieldMutants(first, second, spki),
      ...fieldMutants(third, first, spki),
    ];
    // the size is not signed, and several sizes may give one path and so one root
    const same = all.filter((one) => opened(one, spki) !== undefined);
    for (const one of same) {
      const of = [first, second, third].find(({ leaf }) => leaf.equals(one.leaf));
      expect(withoutSize(opened(one, spki))).toEqual(withoutSize(of && opened(of, spki)));
    }
    const altered = all.filter((one) => !same.includes(one));
    expect(altered.length).toBeGreaterThan(1500);
    expect(same.length).toBeLessThan(9);
    for (const judge of [askGo, askScitt]) {
      const answers = judge(key, alg, altered);
      expect(altered.filter((_, at) => answers[at] === 'ok').map(({ what }) => what)).toEqual([]);
      expect(judge(key, alg, [first, second, third, ...same])).toEqual(Array(3 + same.length).fill('ok'));
    }
  }, 600_000);
});

it('a receipt of one key is refused with another one', async () => {
  const one = await proved(signedLog(), 5, edKey);
  for (const judge of [askGo, askScitt]) {
    expect(judge(edKey, -8, [one])).toEqual(['ok']);
    expect(judge(nextEdKey, -8, [one])).not.toEqual(['ok']);
  }
});
