import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseVkey, SIGNATURE_ALGORITHMS } from '../../src/format/vkey.ts';
import { readVector, vectorInputs } from '../support/vector-inputs.mjs';
import { startChromium } from './chromium.ts';
import { builtPage, fill, outcome } from './verify-page.ts';

/** Every kind of public key, in every spelling that an auditor may be sent: the page takes what the command line takes. */

let browser: Browser;
let page: Page;
let built: Awaited<ReturnType<typeof builtPage>>;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-page-keys-'));
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
  page = await browser.newPage();
});
afterAll(async () => {
  await browser.close();
  built.remove();
  rmSync(folder, { recursive: true });
});

/** A key that only its service has is no public key. */
const PUBLIC = SIGNATURE_ALGORITHMS.filter((algorithm) => algorithm !== 'kms-hmac-sha256');

function pemOf(spki: Buffer, eol: string): string {
  const lines = spki.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join(eol);
}

describe.each(PUBLIC)('%s', (algorithm) => {
  const name = `valid-${algorithm}`;
  const { vkeys = [], origin, files } = readVector(name);
  const [vkey = ''] = vkeys;
  const { bytes, algorithm: own } = parseVkey(vkey, name).key;
  const spellings = {
    'a verifier key': `${vkey}\n`,
    'a PEM': pemOf(bytes, '\n'),
    'a PEM with the line ends of Windows': pemOf(bytes, '\r\n'),
    'a PEM below text': `The key of the payments service:\n\n${pemOf(bytes, '\n')}`,
  };
  it.each(Object.entries(spellings))('%s', async (spelling, text) => {
    expect(own).toBe(algorithm);
    const cwd = join(folder, name);
    vectorInputs(name, cwd, { dataKeys: false });
    const key = join(cwd, 'signer.pub');
    writeFileSync(key, text);
    const logs = files.map((file) => join(cwd, file));
    await fill(page, built.url, { logs, publicKeys: [key], origin });
    const { report, problem } = await outcome(page);
    expect(problem, spelling).toBeUndefined();
    expect(report).toMatchObject({ verdict: 'ok' });
  });
});
