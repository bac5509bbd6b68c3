import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createDataKey } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { someOf, times } from '../support/tier.ts';
import { verify } from '../support/verifying.ts';
import { dataKey } from '../vectors/keys.ts';
import { macKeys } from '../vectors/logs.ts';

/** The place of a file is that of its first entry, by the exact name and by a pattern (M8.2). */

/** A shipped copy ahead of a crashed host: lines of it are lost there, and the restart takes their place. */
function abandonedCopy(): Buffer[] {
  const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2', '3').seal().checkpoint();
  const copy = log.fork().record('lost', 'lost', 'lost');
  const lost = copy.lines.slice(log.lines.length);
  log.open(macKeys).seal().checkpoint().record('4').close().checkpoint();
  const at = copy.lines.length - lost.length;
  const lines = [...log.lines.slice(0, at), ...lost, ...log.lines.slice(at)];
  return lines.map(({ bytes }) => Buffer.concat([bytes, Buffer.from('\n')]));
}

const origin = 'audit.example.com/vectors/a';
const data = async (): Promise<ReturnType<typeof createDataKey>> =>
  createDataKey({ material: Buffer.from(dataKey), source: 'env', identity: 'audit' });

async function judged(parts: readonly Buffer[], name: string, demux = false): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-order-'));
  try {
    const paths = parts.map((_, at) => join(folder, `${at}.log`));
    for (const [at, path] of paths.entries()) writeFileSync(path, parts[at] ?? '');
    const keys = { getKey: data, recoverKey: data };
    const dataKeys = [{ source: 'env', keys, named: [{ name: 'audit' }] }] as never;
    const report = await verify({ paths, origin: name, dataKeys, demux });
    return [report.verdict, ...report.streams.flatMap(({ findings }) => findings.map(({ code }) => code))].join();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('files of one stream', () => {
  it('stand in one order by the exact name and by a pattern, wherever the log was cut', async () => {
    const lines = abandonedCopy();
    const places = [...lines.keys()].slice(1);
    const cuts = someOf(
      places.flatMap((one) => places.filter((two) => two > one).map((two) => [one, two] as const)),
      7,
    );
    let ok = 0;
    for (const [one, two] of cuts) {
      const parts = [lines.slice(0, one), lines.slice(one, two), lines.slice(two)].map((part) => Buffer.concat(part));
      const exact = await judged(parts, origin);
      expect(await judged(parts, 'audit.example.com/*'), `cut at ${one} and ${two}`).toBe(exact);
      if (exact.startsWith('ok')) ok++;
    }
    expect(ok).toBeGreaterThan(cuts.length / 20);
  });
});

// M1.7, M8.2
it.each(['', '\n', '\r\n', '\n\n\r\n'])(
  'a copy with CR LF at its lines, and %j behind them, is no fork',
  async (behind) => {
    const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2').close().checkpoint();
    const text = log.lines.map(({ bytes }) => `${bytes.toString('latin1')}\n`).join('');
    const copy = Buffer.from(`${text.replaceAll('\n', '\r\n')}${behind}`, 'latin1');
    for (const parts of [
      [Buffer.from(text, 'latin1'), copy],
      [copy, Buffer.from(text, 'latin1')],
    ]) {
      expect(await judged(parts, origin)).toMatch(/^undecided,LINE_ENDINGS_CONVERTED,(?!.*FORK)/);
    }
  },
);

describe('two files, one of which is a copy of the other, whatever was done to either', () => {
  const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2').close().checkpoint();
  const lines = log.lines.map(({ bytes }) => `${bytes.toString('latin1')}\n`);
  const text = lines.join('');
  const crlf = text.replaceAll('\n', '\r\n');
  const bytes = (form: string): Buffer => Buffer.from(form, 'latin1');
  const junk = Buffer.alloc(512);
  const forms = Object.entries({
    whole: text,
    'CR LF': crlf,
    'byte order mark': `\u00ef\u00bb\u00bf${text}`,
    'empty line': `${text}\n`,
    'CR at the end': `${text}\r`,
    'CR LF and a CR at the end': `${crlf}\r`,
    'cut between CR and LF': crlf.slice(0, -1),
    'cut inside a line': text.slice(0, -9),
    'bytes behind it': `${text}half a li`,
    'first lines': lines.slice(0, 4).join(''),
    'bytes alone': 'half a li',
    nothing: '',
  }).map(([name, form]) => [name, bytes(form)] as const);
  const all = [
    ...forms,
    ['gzip', gzipSync(bytes(text))] as const,
    ['gzip with bytes behind it', Buffer.concat([gzipSync(bytes(text)), junk])] as const,
    ['gzip that is damaged', gzipSync(bytes(text)).subarray(0, -12)] as const,
    ['gzip of CR LF', gzipSync(bytes(crlf))] as const,
  ];

  it.each(all.map(([name], at) => [name, at] as const))(
    '%s: the order in which they are named changes nothing, and nothing is tampered',
    async (name, at) => {
      for (const [index, [other, two]] of all.slice(at).entries()) {
        for (const demux of [index % 2 === 0, index % 2 !== 0].slice(0, times(1, 2))) {
          const told = async (...parts: Buffer[]): Promise<string[]> =>
            (await judged(parts, origin, demux)).split(',').sort();
          const one = all[at]?.[1] ?? two;
          const before = await told(one, two);
          expect(before, `${name} and ${other}, demux: ${demux}`).toEqual(await told(two, one));
          expect(before).not.toContain('tampered');
        }
      }
    },
  );
});
