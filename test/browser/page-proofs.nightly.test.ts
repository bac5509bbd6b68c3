import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSealer, generateKeyFile } from '../../src/index.ts';
import { runHere } from '../support/command-line.ts';
import { linesOfProof, proofOfLines, spoiled } from '../support/record-proof.ts';
import { startChromium } from './chromium.ts';
import { builtPage, fill, outcome } from './verify-page.ts';

/** Proofs of single records through the page: the verdicts of the command line that was given the same files. */

const origin = 'audit.example.com/proofs';
let browser: Browser;
let page: Page;
let built: Awaited<ReturnType<typeof builtPage>>;
let folder: string;
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-page-proofs-'));
  for (const name of ['signer.key', 'other.key']) await generateKeyFile(path(name), 'Ed25519');
  const keys = { algorithm: 'Ed25519', keySource: 'file', keyFilePath: path('signer.key') } as const;
  const sealer = createSealer({ file: path('a.jsonl'), stateDir: path('state'), origin, ...keys });
  for (let at = 0; at < 40; at++) sealer.write(`{"msg":"<b>paid</b>","n":${at}}`);
  await sealer.close();
  for (const seq of [3, 17]) {
    const flags = [
      '--origin',
      origin,
      '--public-key',
      'signer.key.pub',
      '--seq',
      String(seq),
      '--out',
      `${seq}.tlog-proof`,
    ];
    const { code, stderr } = await runHere(['prove', 'a.jsonl', ...flags], { cwd: folder });
    expect([code, stderr]).toEqual([0, '']);
  }
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
  page = await browser.newPage();
});
afterAll(async () => {
  await browser.close();
  built.remove();
  rmSync(folder, { recursive: true });
});

const proof = (seq: number): Buffer => readFileSync(path(`${seq}.tlog-proof`));

/** Bits of every byte in turn, lines left out, repeated and taken from another proof, and ends that are cut off. */
function mutated(): Buffer[] {
  const whole = proof(17);
  const other = linesOfProof(proof(3).toString('latin1'));
  const flips = Array.from({ length: 1_300 }, (_, at) => {
    const bytes = Buffer.from(whole);
    const place = Math.floor((at * bytes.length) / 1_300);
    bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << (at % 8)), place);
    return bytes;
  });
  const cuts = Array.from({ length: 100 }, (_, at) => whole.subarray(0, Math.floor((at * whole.length) / 100)));
  const parts = ['extra', 'hashes', 'text', 'signatures'] as const;
  const lines = parts.flatMap((part) =>
    linesOfProof(whole.toString('latin1'))[part].flatMap((_, at) => [
      spoiled(whole.toString('latin1'), (all) => all[part].splice(at, 1)),
      spoiled(whole.toString('latin1'), (all) => (all[part] as unknown[]).splice(at, 0, all[part][at])),
      spoiled(whole.toString('latin1'), (all) => (all[part] as unknown[]).splice(at, 1, other[part][at] ?? '')),
    ]),
  );
  const odd = [whole, proof(3), Buffer.alloc(0), Buffer.from(proofOfLines({ ...other, index: 'index 16' }))];
  return [...flips, ...cuts, ...lines.map((text) => Buffer.from(text, 'latin1')), ...odd];
}

interface Judged {
  readonly verdict: string;
  readonly proofs: readonly { readonly verdict: string }[];
}

/** Where a key comes from is told in other words by either. */
const judgedAs = (text: string): Judged =>
  JSON.parse(text, (name, value: unknown) => (name === 'givenBy' ? undefined : value)) as Judged;

it('1,500 proofs, right and spoiled, get the verdicts of the command line', async () => {
  const all = mutated();
  expect(all.length).toBeGreaterThan(1_450);
  const names = all.map((bytes, at) => {
    const name = `${at}.tlog-proof`;
    writeFileSync(path(`m-${name}`), bytes);
    return `m-${name}`;
  });
  const verdicts = new Map<string, number>();
  for (let from = 0; from < names.length; from += 250) {
    const files = names.slice(from, from + 250);
    const keys = from === 250 ? ['other.key.pub'] : ['signer.key.pub', 'other.key.pub'];
    await fill(page, built.url, { logs: files.map(path), publicKeys: keys.map(path), origin });
    const { report, problem } = await outcome(page);
    expect(problem).toBeUndefined();
    const flags = ['--origin', origin, ...keys.flatMap((key) => ['--public-key', key]), '--format', 'json'];
    const { stdout } = await runHere(['verify', ...files, ...flags], { cwd: folder });
    const told = judgedAs(stdout);
    expect(judgedAs(JSON.stringify(report))).toEqual(told);
    for (const { verdict } of told.proofs) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  }
  expect([...verdicts.keys()].sort()).toEqual(['ok', 'tampered', 'undecided']);
}, 300_000);

it('what it shows is what the command prints, and no markup of a record', async () => {
  await fill(page, built.url, { logs: [path('17.tlog-proof')], publicKeys: [path('signer.key.pub')], origin });
  expect(await outcome(page)).toMatchObject({ report: { verdict: 'ok' } });
  const shown = (await page.textContent('#report pre')) ?? '';
  const flags = ['--origin', origin, '--public-key', 'signer.key.pub'];
  const { stdout } = await runHere(['verify', '17.tlog-proof', ...flags], { cwd: folder });
  expect(shown.replace('(public key', '(--public-key')).toBe(stdout);
});

it.each([
  [
    'a log beside it',
    ['17.tlog-proof', 'a.jsonl'],
    [],
    /proofs of records and other files cannot be verified together/,
  ],
  ['a name that is none of a proof', ['17.txt'], [], /does not have the name of one/],
  ['an option for logs', ['17.tlog-proof'], ['live'], /is about logs, but a proof of one record/],
] as const)('%s is refused', async (_, logs, options, message) => {
  writeFileSync(path('17.txt'), proof(17));
  const live = options.length > 0;
  await fill(page, built.url, { logs: logs.map(path), publicKeys: [path('signer.key.pub')], origin, live });
  expect((await outcome(page)).problem).toMatch(message);
});
