import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSealer, generateKeyFile } from '../../src/index.ts';
import { accessibilityFindings } from './accessibility.ts';
import { startChromium } from './chromium.ts';
import { builtPage, contextOf, fill, outcome } from './verify-page.ts';

/** The page as an auditor has it: from a file, with dropped files. */

const origin = 'audit.example.com/page';
let browser: Browser;
let built: Awaited<ReturnType<typeof builtPage>>;
let folder: string;
const path = (name: string): string => join(folder, name);

/** Seals lines into a file, signed with Ed25519. */
async function seal(name: string, lines: number, line: string): Promise<void> {
  const keys = { algorithm: 'Ed25519', keySource: 'file', keyFilePath: path('signer.key') } as const;
  const sealer = createSealer({ file: path(name), stateDir: path(`${name}-state`), origin, ...keys });
  for (let at = 0; at < lines; at++) {
    sealer.write(line);
    if (at % 10_000 === 0) await sealer.flush();
  }
  await sealer.close();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-page-'));
  await generateKeyFile(path('signer.key'), 'Ed25519');
  await seal('audit.jsonl', 100, '{"msg":"paid"}');
  writeFileSync(path('audit.jsonl.gz'), gzipSync(readFileSync(path('audit.jsonl'))));
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
});
afterAll(async () => {
  await browser.close();
  built.remove();
  rmSync(folder, { recursive: true });
});

const given = (log: string): { logs: string[]; publicKeys: string[]; origin: string } => ({
  logs: [path(log)],
  publicKeys: [path('signer.key.pub')],
  origin,
});

for (const colorScheme of ['light', 'dark'] as const) {
  it(`${colorScheme}: nothing serious stands in the way of anybody, before a check and after it`, async () => {
    const page = await browser.newPage({ colorScheme });
    await fill(page, built.url, { ...given('audit.jsonl'), live: false });
    await page.evaluate("document.getElementById('more').open = true");
    expect(await accessibilityFindings(page)).toEqual([]);
    const { report } = await outcome(page);
    expect(report).toMatchObject({ verdict: 'ok' });
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.click('#fields > summary');
    await page.fill('#origin', '');
    await page.click('#verify');
    await page.waitForSelector('.problem');
    expect(await accessibilityFindings(page)).toEqual([]);
    await page.close();
  });
}

it('no request leaves, and none can: what tries is refused by the page', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { context, requests } = await contextOf(browser);
  const page = await context.newPage();
  await fill(page, built.url, given('audit.jsonl.gz'));
  expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
  expect(requests).toEqual([]);
  const tries = await page.evaluate<string, string>(async (url) => {
    const refused = await fetch(url).then(
      () => 'fetched',
      () => 'refused',
    );
    const image = new Image();
    const loaded = new Promise<string>((resolve) => {
      image.onload = () => resolve('loaded');
      image.onerror = () => resolve('refused');
    });
    image.src = `${url}/image.png`;
    return `${refused} ${await loaded}`;
  }, `http://127.0.0.1:${port}`);
  expect(tries).toBe('refused refused');
  expect(asked).toBe(0);
  server.close();
  await context.close();
});

it('dropped files are listed, and what a file is for is what its place says', async () => {
  const page = await browser.newPage();
  await page.goto(built.url);
  const drop = async (zone: string, names: readonly string[]): Promise<void> => {
    const files = names.map((name) => ({ name, bytes: [...readFileSync(path(name))] }));
    await page.evaluate(
      ([where, all]) => {
        const transfer = new DataTransfer();
        for (const { name, bytes } of all) transfer.items.add(new File([Uint8Array.from(bytes)], name));
        const target = document.querySelector(`[data-zone="${where}"]`);
        target?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
      },
      [zone, files] as const,
    );
  };
  await drop('logs', ['audit.jsonl', 'signer.key.pub']);
  await page.waitForSelector('[data-zone="logs"] li:nth-child(2)');
  await page.fill('#origin', origin);
  // a key among the files of the log is no key
  const without = await outcome(page);
  expect(JSON.stringify(without.report)).toContain('"NO_KEY"');
  await page.click('#fields > summary');
  await page.click('[aria-label="Remove signer.key.pub"]');
  await drop('publicKeys', ['signer.key.pub']);
  await page.waitForSelector('[data-zone="publicKeys"] li');
  expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
  await page.close();
});

it('a file in the wrong place is told, and stays where it was put', async () => {
  const page = await browser.newPage();
  await fill(page, built.url, given('audit.jsonl'));
  await outcome(page);
  const save = page.click('text=Save the checkpoints for the next time');
  const [download] = await Promise.all([page.waitForEvent('download'), save]);
  await download.saveAs(path('held.json'));
  writeFileSync(path('policy.yaml'), 'version: 1\nstreams:\n  - origin: a\n');
  const cases = [
    ['logs', 'signer.key.pub', 'looks like a public key, but was given as a sealed log.'],
    ['publicKeys', 'audit.jsonl', 'looks like a sealed log, but was given as a public key.'],
    ['publicKeys', 'signer.key', 'is a private key. Remove it: nobody needs it to verify a log.'],
    ['known', 'policy.yaml', 'looks like a policy, but was given as a checkpoint that somebody held.'],
    ['logs', 'held.json', 'looks like a checkpoint that somebody held, but was given as a sealed log.'],
  ] as const;
  for (const [zone, name, says] of cases) {
    await page.goto(built.url);
    await page.evaluate("document.getElementById('more').open = true");
    await page.setInputFiles(`#${zone}`, [path(name)]);
    await page.waitForSelector(`[data-zone="${zone}"] li`);
    await page.waitForFunction(() => document.getElementById('status')?.textContent !== '');
    expect(await page.textContent('#status')).toBe(`${name} ${says}`);
  }
  await fill(page, built.url, { ...given('audit.jsonl'), policy: [path('held.json')], known: [path('held.json')] });
  await page.waitForSelector('[data-zone="known"] li');
  expect(await page.textContent('#status')).toBe('');
  await page.close();
});

it('a file that cannot be read is listed all the same, and nothing untrue is said of it', async () => {
  const page = await browser.newPage();
  await page.goto(built.url);
  await page.evaluate(() => {
    Blob.prototype.text = async () => {
      throw new DOMException('changed since', 'NotReadableError');
    };
  });
  await page.setInputFiles('#logs', [path('audit.jsonl')]);
  await page.waitForSelector('[data-zone="logs"] li');
  await page.setInputFiles('#publicKeys', [path('signer.key.pub')]);
  await page.waitForSelector('[data-zone="publicKeys"] li');
  expect(await page.isHidden('#result')).toBe(true);
  await page.close();
});

it('the fields fold away where a report is shown, and not where there is none', async () => {
  const page = await browser.newPage();
  const isOpen = (): Promise<boolean> => page.evaluate("document.getElementById('fields').open");
  await fill(page, built.url, { logs: [path('audit.jsonl')] });
  await outcome(page);
  expect(await isOpen()).toBe(true);
  await page.fill('#origin', origin);
  await outcome(page);
  expect(await isOpen()).toBe(false);
  await page.close();
});

it('what cannot be a verification is said with what to do, and is no verdict', async () => {
  const page = await browser.newPage();
  const cases: [Parameters<typeof fill>[2], RegExp][] = [
    [{ logs: [path('audit.jsonl')] }, /no stream is named/],
    [{ ...given('audit.jsonl'), publicKeys: [path('signer.key')] }, /KEY_MALFORMED/],
    [{ ...given('audit.jsonl'), policy: [path('audit.jsonl')] }, /give one policy/],
    [{ ...given('audit.jsonl'), origin: 'not an origin' }, /ORIGIN_INVALID/],
    [{ ...given('audit.jsonl'), known: [path('signer.key.pub')] }, /FORMAT_INVALID/],
  ];
  for (const [what, words] of cases) {
    await fill(page, built.url, what);
    const { problem, report } = await outcome(page);
    expect(report).toBeUndefined();
    expect(problem).toMatch(words);
  }
  await page.close();
});

it('checkpoints of one check are demanded of the next', async () => {
  const page = await browser.newPage();
  await fill(page, built.url, given('audit.jsonl'));
  await outcome(page);
  const save = page.click('text=Save the checkpoints for the next time');
  const [download] = await Promise.all([page.waitForEvent('download'), save]);
  await download.saveAs(path('known.json'));
  await fill(page, built.url, { ...given('audit.jsonl'), known: [path('known.json')] });
  expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
  await seal('other.jsonl', 5, '{"msg":"forged"}');
  await fill(page, built.url, { ...given('other.jsonl'), known: [path('known.json')] });
  const { report } = await outcome(page);
  expect(report).toMatchObject({ verdict: 'tampered' });
  await page.close();
});

it('a large log: the page lives meanwhile, says how far it is, and can be cancelled', async () => {
  await seal('large.jsonl', 120_000, JSON.stringify({ msg: 'x'.repeat(900) }));
  const page = await browser.newPage();
  await fill(page, built.url, given('large.jsonl'));
  await page.click('#verify');
  // a function: a string would be evaluated at each try, which the page's policy forbids
  const begun = (): boolean => document.querySelector('progress')?.hasAttribute('value') === true;
  await page.waitForFunction(begun, undefined, { timeout: 120_000 });
  expect(await page.textContent('#progress-text')).toMatch(/MB read/);
  await page.click('#cancel');
  expect(await page.textContent('#status')).toBe('Canceled. Nothing was decided.');
  expect(await page.isHidden('#result')).toBe(true);
  const { report } = await outcome(page);
  expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: 120_000 }] });
  await page.close();
}, 600_000);
