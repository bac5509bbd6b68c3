import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NoteAlgorithm, spkiFor } from '../../src/format/vkey.ts';
import { verifySignature } from '../../src/keys/signature.ts';
import { startChromium } from './chromium.ts';
import { builtPage } from './verify-page.ts';

/** Keys and signatures, right ones and malformed ones: the browser says of each what Node says. */

let browser: Browser;
let page: Page;
let built: Awaited<ReturnType<typeof builtPage>>;
const root = new URL('../../', import.meta.url).pathname;
const platform = `${root}src/offline/page/platform/`;

/** What the worker does, for single keys and signatures. */
const program = `
import { spkiFor } from '${root}src/format/vkey.ts';
import { verifySignature } from '${platform}signature.ts';
import { Buffer } from '${platform}buffer.ts';
globalThis.judge = async ({ algorithm, spki, data, signature }) => {
  const own = spkiFor(algorithm, Buffer.from(spki, 'base64'));
  const canonical = own?.equals(Buffer.from(spki, 'base64')) === true;
  if (!canonical) return 'no key';
  try {
    const bytes = [own, Buffer.from(data, 'base64'), Buffer.from(signature, 'base64')];
    return String(await verifySignature(algorithm, ...bytes));
  } catch (error) {
    return error.code ?? String(error);
  }
};`;

beforeAll(async () => {
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
  page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(built.url); // Web Crypto is there for pages from a file
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    write: false,
    format: 'iife',
    inject: [`${platform}globals.ts`],
    plugins: [
      {
        name: 'node-modules',
        setup: ({ onResolve }) => onResolve({ filter: /^node:crypto$/ }, () => ({ path: `${platform}crypto.ts` })),
      },
    ],
  });
  await page.evaluate(outputFiles[0]?.text ?? '');
});
afterAll(async () => {
  await browser.close();
  built.remove();
});

interface Case {
  readonly algorithm: NoteAlgorithm;
  readonly spki: Buffer;
  readonly data: Buffer;
  readonly signature: Buffer;
  readonly what: string;
}

/** What the verifier does on Node. */
async function byNode({ algorithm, spki, data, signature }: Case): Promise<string> {
  const own = spkiFor(algorithm, spki);
  if (own?.equals(spki) !== true) return 'no key';
  return String(await verifySignature(algorithm, own, data, signature));
}

async function byBrowser(cases: readonly Case[]): Promise<string[]> {
  const spelled = cases.map(({ algorithm, spki, data, signature }) => ({
    algorithm,
    spki: spki.toString('base64'),
    data: data.toString('base64'),
    signature: signature.toString('base64'),
  }));
  return page.evaluate<string[], typeof spelled>(
    (all) =>
      Promise.all(all.map((one) => (globalThis as unknown as { judge(of: unknown): Promise<string> }).judge(one))),
    spelled,
  );
}

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

interface Pair {
  readonly algorithm: NoteAlgorithm;
  readonly spki: Buffer;
  sign(data: Buffer): Buffer;
}

function pairs(): Pair[] {
  const ed = generateKeyPairSync('ed25519');
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const rsa = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 3 }),
    generateKeyPairSync('rsa', { modulusLength: 2056, publicExponent: 4_294_967_291 }),
  ];
  const { RSA_PKCS1_PSS_PADDING: pss } = { RSA_PKCS1_PSS_PADDING: 6 };
  return [
    { algorithm: 'ed25519', spki: spkiOf(ed.publicKey), sign: (data) => sign(null, data, ed.privateKey) },
    {
      algorithm: 'ecdsa-p256-sha256',
      spki: spkiOf(p256.publicKey),
      sign: (data) => sign('sha256', data, p256.privateKey),
    },
    {
      algorithm: 'ecdsa-p384-sha384',
      spki: spkiOf(p384.publicKey),
      sign: (data) => sign('sha384', data, p384.privateKey),
    },
    ...rsa.flatMap(({ publicKey, privateKey }): Pair[] => [
      {
        algorithm: 'rsa-pss-sha256',
        spki: spkiOf(publicKey),
        sign: (data) => sign('sha256', data, { key: privateKey, padding: pss, saltLength: 32 }),
      },
      { algorithm: 'rsa-pkcs1-sha256', spki: spkiOf(publicKey), sign: (data) => sign('sha256', data, privateKey) },
    ]),
  ];
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(bit / 8) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8));
  return copy;
}

/** The order of the group of Ed25519. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The same signature with L added to S: it is the same point, spelled otherwise. */
function withLargerS(signature: Buffer): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + L;
  const bytes = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([signature.subarray(0, 32), bytes]);
}

/** An integer of DER, padded on purpose. */
function derInteger(value: Buffer, padding: number): Buffer {
  const body = Buffer.concat([Buffer.alloc(padding), value]);
  return Buffer.concat([Buffer.from([0x02, body.length]), body]);
}

function derPair(r: Buffer, s: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, r.length + s.length]), r, s]);
}

function casesOf(pair: Pair): Case[] {
  const { algorithm, spki } = pair;
  const data = Buffer.concat([Buffer.from('audit.example.com/a\n'), randomBytes(40)]);
  const good = pair.sign(data);
  const of = (what: string, more: Partial<Case>): Case => ({ algorithm, spki, data, signature: good, what, ...more });
  const cases = [
    of('right', {}),
    of('other text', { data: flipped(data, 5) }),
    of('empty', { signature: Buffer.alloc(0) }),
    of('zeros', { signature: Buffer.alloc(good.length) }),
    of('ones', { signature: Buffer.alloc(good.length, 0xff) }),
    of('longer', { signature: Buffer.concat([good, Buffer.alloc(1)]) }),
    of('longer in front', { signature: Buffer.concat([Buffer.alloc(1), good]) }),
    of('shorter', { signature: good.subarray(0, -1) }),
    of('shorter in front', { signature: good.subarray(1) }),
    of('key with a byte more', { spki: Buffer.concat([spki, Buffer.alloc(1)]) }),
    of('key with a byte less', { spki: spki.subarray(0, -1) }),
    of('key of zeros', { spki: Buffer.concat([spki.subarray(0, 30), Buffer.alloc(spki.length - 30)]) }),
    of('key of ones', { spki: Buffer.concat([spki.subarray(0, 30), Buffer.alloc(spki.length - 30, 0xff)]) }),
    of('no key', { spki: randomBytes(spki.length) }),
  ];
  for (let n = 0; n < 20; n++) {
    const bit = Math.floor(Math.random() * good.length * 8);
    cases.push(of(`signature bit ${bit}`, { signature: flipped(good, bit) }));
  }
  const isRsa = algorithm.startsWith('rsa');
  for (let bit = 0; bit < spki.length * 8; bit += isRsa ? 37 : 7) {
    cases.push(of(`key bit ${bit}`, { spki: flipped(spki, bit) }));
  }
  if (algorithm === 'ed25519') cases.push(...edCases(of, good));
  if (algorithm.startsWith('ecdsa')) cases.push(...ecCases(of, good, spki, algorithm));
  return cases;
}

type Of = (what: string, more: Partial<Case>) => Case;

function edCases(of: Of, good: Buffer): Case[] {
  const head = Buffer.from('302a300506032b6570032100', 'hex');
  const small = [
    `01${'00'.repeat(31)}`,
    '00'.repeat(32),
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    `02${'00'.repeat(31)}`, // no point of the curve
  ];
  const identity = Buffer.from(`01${'00'.repeat(63)}`, 'hex');
  return [
    of('S + L', { signature: withLargerS(good) }),
    ...small.flatMap((hex) => {
      const spki = Buffer.concat([head, Buffer.from(hex, 'hex')]);
      return [of(`point ${hex}`, { spki }), of(`point ${hex}, R of order 1`, { spki, signature: identity })];
    }),
    ...small.map((hex) => of(`R ${hex}`, { signature: Buffer.concat([Buffer.from(hex, 'hex'), good.subarray(32)]) })),
  ];
}

function ecCases(of: Of, good: Buffer, spki: Buffer, algorithm: NoteAlgorithm): Case[] {
  const length = good[3] ?? 0;
  const r = good.subarray(4, 4 + length);
  const s = good.subarray(6 + length);
  const half = algorithm === 'ecdsa-p256-sha256' ? 32 : 48;
  const point = spki.subarray(-2 * half);
  const head = spki.subarray(0, -2 * half);
  const compressed = createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  const x = Buffer.from(compressed.x ?? '', 'base64url');
  return [
    of('r padded', { signature: derPair(derInteger(r, 1), derInteger(s, 0)) }),
    of('s padded', { signature: derPair(derInteger(r, 0), derInteger(s, 1)) }),
    of('r zero', { signature: derPair(derInteger(Buffer.alloc(1), 0), derInteger(s, 0)) }),
    of('s zero', { signature: derPair(derInteger(r, 0), derInteger(Buffer.alloc(1), 0)) }),
    of('r empty', { signature: derPair(derInteger(Buffer.alloc(0), 0), derInteger(s, 0)) }),
    of('r negative', { signature: derPair(derInteger(Buffer.alloc(half, 0xff), 0), derInteger(s, 0)) }),
    of('r larger than the order', { signature: derPair(derInteger(Buffer.alloc(half, 0xff), 1), derInteger(s, 0)) }),
    of('r of more bytes', { signature: derPair(derInteger(Buffer.alloc(half + 1, 0x7f), 0), derInteger(s, 0)) }),
    of('a third integer', {
      signature: derPair(derInteger(r, 0), Buffer.concat([derInteger(s, 0), derInteger(s, 0)])),
    }),
    of('long form of a length', { signature: Buffer.concat([Buffer.from([0x30, 0x81]), good.subarray(1)]) }),
    of('r and s side by side', { signature: Buffer.concat([r.subarray(-half), s.subarray(-half)]) }),
    of('x and y swapped', { spki: Buffer.concat([head, point.subarray(half), point.subarray(0, half)]) }),
    of('y plus one', { spki: flipped(spki, spki.length * 8 - 8) }),
    of('compressed', { spki: Buffer.concat([head.subarray(0, -1), Buffer.from([0x02]), x]) }),
    of('hybrid', { spki: Buffer.concat([head.subarray(0, -1), Buffer.from([0x06]), point]) }),
  ];
}

it('every key and signature, malformed in whatever way, is judged as by Node', async () => {
  const cases = pairs().flatMap(casesOf);
  const expected = await Promise.all(cases.map(byNode));
  const given = await byBrowser(cases);
  const different = cases.flatMap(({ algorithm, what }, at) =>
    given[at] === expected[at] ? [] : [`${algorithm}, ${what}: ${given[at]}, by Node ${expected[at]}`],
  );
  expect(different).toEqual([]);
  expect(cases.length).toBeGreaterThan(500);
  for (const answer of ['true', 'false', 'no key']) expect(expected).toContain(answer);
}, 300_000);
