import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer, generateKeyFile } from '../../src/index.ts';
import { Collection } from '../../src/offline/page/collection.ts';
import { startChromium } from './chromium.ts';
import { builtPage, fill, outcome } from './verify-page.ts';

/** What is given to the page: no file is lost, and no verdict outlives what it was about. */

const origin = 'audit.example.com/files';
let browser: Browser;
let page: Page;
let built: Awaited<ReturnType<typeof builtPage>>;
let folder: string;
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-page-files-'));
  await generateKeyFile(path('signer.key'), 'Ed25519');
  const keys = { algorithm: 'Ed25519', keySource: 'file', keyFilePath: path('signer.key') } as const;
  const sealer = createSealer({ file: path('a.jsonl'), stateDir: path('state'), origin, ...keys });
  for (let at = 0; at < 100; at++) sealer.write('{"msg":"paid"}');
  await sealer.close();
  [browser, built] = await Promise.all([startChromium(), builtPage()]);
  page = await browser.newPage();
});
afterAll(async () => {
  await browser.close();
  built.remove();
  rmSync(folder, { recursive: true });
});

const intact = (): Buffer => readFileSync(path('a.jsonl'));
const tampered = (): Buffer => Buffer.from(intact().toString('latin1').replace('paid', 'owed'), 'latin1');

interface Dropped {
  readonly name: string;
  readonly bytes: Buffer;
}

async function drop(zone: string, files: readonly Dropped[]): Promise<void> {
  const spelled = files.map(({ name, bytes }) => ({ name, text: bytes.toString('latin1') }));
  await page.evaluate(
    ([where, all]) => {
      const transfer = new DataTransfer();
      for (const { name, text } of all) {
        transfer.items.add(new File([Uint8Array.from(text, (one) => one.charCodeAt(0))], name));
      }
      const target = document.querySelector(`[data-zone="${where}"]`);
      target?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    [zone, spelled] as const,
  );
}

/** The page with a key and a name, and these drops of files of the log. */
async function dropped(...drops: readonly Dropped[][]): Promise<void> {
  await fill(page, built.url, { logs: [], publicKeys: [path('signer.key.pub')], origin });
  for (const files of drops) await drop('logs', files);
}

const listed = (): Promise<string[]> => page.locator('[data-zone="logs"] li .name').allTextContents();
const a = (bytes: Buffer): Dropped => ({ name: 'a.jsonl', bytes });

describe('files of one name', () => {
  it.each([
    ['the tampered one first', [[a], [a]], false],
    ['the tampered one last', [[a], [a]], true],
    ['in one drop', [[a, a]], false],
    ['in one drop, the tampered one last', [[a, a]], true],
  ] as const)('%s: both are verified', async (_what, drops, isLast) => {
    const contents = isLast ? [intact(), tampered()] : [tampered(), intact()];
    await dropped(...drops.map((files) => files.map((make) => make(contents.shift() ?? Buffer.alloc(0)))));
    const { report } = await outcome(page); // at once: it waits for what is still being looked through
    expect(report).toMatchObject({ verdict: 'tampered' });
    expect(await listed()).toEqual(['a.jsonl', '(2)/a.jsonl']);
  });

  it('chosen, not dropped: the same', async () => {
    await dropped([a(tampered())]);
    await page.setInputFiles('#logs', [path('a.jsonl')]);
    expect((await outcome(page)).report).toMatchObject({ verdict: 'tampered' });
    expect(await listed()).toEqual(['a.jsonl', '(2)/a.jsonl']);
  });

  it('the same file again is one file', async () => {
    await dropped([a(intact())], [a(intact()), a(intact())], [a(intact())]);
    expect((await outcome(page)).report).toMatchObject({ verdict: 'ok', streams: [{ records: 100 }] });
    expect(await listed()).toEqual(['a.jsonl']);
  });

  it('two keys of one name are both named', async () => {
    const other = Buffer.from('audit.example.com/files is signed by nobody\n');
    await dropped([a(intact())]);
    await drop('publicKeys', [{ name: 'signer.key.pub', bytes: other }]);
    expect((await outcome(page)).problem).toMatch(/\(2\)\/signer\.key\.pub/);
    await page.click('[aria-label="Remove (2)/signer.key.pub"]');
    expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
  });

  it('two pins of one name are refused: the policy can mean one of them only', async () => {
    await dropped([a(intact())]);
    const pin = (text: string): Dropped => ({ name: 'newest.note', bytes: Buffer.from(text) });
    await drop('policy', [{ name: 'policy.yaml', bytes: Buffer.from('{}') }, pin('one'), pin('two')]);
    expect((await outcome(page)).problem).toMatch(/two files named newest\.note/);
  });
});

describe('the collection of a place', () => {
  const file = (given: string, text: string): { given: string; blob: Blob } => ({ given, blob: new Blob([text]) });

  it('keeps every content that it was given, whatever the names, and what came together together', async () => {
    const drops = [
      [file('a', '1'), file('a.manifest.json', '1')],
      [file('a', '2'), file('a.manifest.json', '2'), file('b', '2')],
      [file('(2)/a', '3'), file('x', '3')],
      [file('x/a', '4'), file('a/b', '4'), file('a/b', '4')],
    ];
    const collection = new Collection();
    for (const files of drops) await collection.add(files);
    const all = await Promise.all(collection.list().map(async ({ path: at, blob }) => `${at}=${await blob.text()}`));
    expect(all).toEqual([
      'a=1',
      'a.manifest.json=1',
      '(2)/a=2',
      '(2)/a.manifest.json=2',
      '(2)/b=2',
      '(2)/(2)/a=3',
      '(2)/x=3',
      '(3)/x/a=4',
      '(3)/a/b=4',
    ]);
  });

  it('a name that turns around what follows it is shown with its characters as numbers', async () => {
    await dropped([{ name: 'a\u202elnosj.b', bytes: intact() }]);
    expect(await listed()).toEqual(['a\\u{202e}lnosj.b']);
    expect(await page.locator('[data-zone="logs"] button').getAttribute('aria-label')).not.toContain('\u202e');
  });

  it('a path is free again when its file was removed', async () => {
    const collection = new Collection();
    await collection.add([file('a', '1')]);
    collection.remove('a');
    expect(await collection.add([file('a', '2')])).toEqual([]);
    expect(collection.list().map(({ path: at }) => at)).toEqual(['a']);
  });
});

describe('a report is gone when what it was about has changed', () => {
  const edits: [string, () => Promise<unknown>][] = [
    ['a file more', () => drop('logs', [{ name: 'b.jsonl', bytes: Buffer.from('{}\n') }])],
    ['a file less', () => page.click('[aria-label="Remove a.jsonl"]')],
    ['another key', () => drop('publicKeys', [{ name: 'other.pub', bytes: Buffer.from('?') }])],
    ['no key', () => page.click('[aria-label="Remove signer.key.pub"]')],
    ['another name', () => page.fill('#origin', 'audit.example.com/other')],
    ['a policy', () => drop('policy', [{ name: 'policy.yaml', bytes: Buffer.from('{}') }])],
    ['a checkpoint', () => drop('known', [{ name: 'known.json', bytes: Buffer.from('{}') }])],
    ['an option', () => page.check('#strict')],
    ['what wrapped the lines', () => page.fill('#unwrap', 'docker')],
    ['a limit', () => page.fill('#maxBytes', '1000')],
  ];
  it.each(edits)('%s', async (_what, edit) => {
    await dropped([a(intact())]);
    await page.evaluate("document.getElementById('more').open = true");
    expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
    await page.click('#fields > summary');
    await edit();
    await page.waitForSelector('#result', { state: 'hidden' });
    expect(await page.textContent('#result')).toMatch(/^\s*$/);
    expect(await page.textContent('#status')).toBe('The input has changed: press Verify again.');
  });

  it('so is one that is not finished', async () => {
    await dropped([a(intact())]);
    await page.waitForSelector('[data-zone="logs"] li');
    await page.evaluate(async () => {
      document.getElementById('verify')?.click();
      const isHidden = (id: string): boolean => document.getElementById(id)?.hidden === true;
      while (isHidden('cancel') && isHidden('result')) await new Promise((wake) => setTimeout(wake, 0));
      document.getElementById('origin')?.dispatchEvent(new InputEvent('input', { bubbles: true }));
    });
    expect(await page.textContent('#status')).toMatch(/has changed/);
    expect(await page.isHidden('#result')).toBe(true);
    expect((await outcome(page)).report).toMatchObject({ verdict: 'ok' });
  });
});
