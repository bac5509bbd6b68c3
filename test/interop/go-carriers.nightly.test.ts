import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { runCommand } from '../support/command-line.ts';
import { goProgram } from '../support/registry-tools.ts';

/** What Docker 28.5.2 and containerd 1.7.35 themselves make of sealed lines (carriers/) is taken apart again. */

let binary = '';
const origin = 'example.com/pay';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const PIECE = 16_384;

type Carrier = 'docker' | 'cri';

/** How each carrier is asked to begin new files. */
const rotations: { carrier: Carrier; what: string; args: string[] }[] = [
  { carrier: 'docker', what: 'one file', args: [] },
  { carrier: 'docker', what: 'files', args: dockerOptions('max-size=100k', 'max-file=99', 'tag={{.Name}}') },
  {
    carrier: 'docker',
    what: 'compressed files smaller than a line',
    args: dockerOptions('max-size=20k', 'max-file=99', 'compress=true'),
  },
  { carrier: 'cri', what: 'one file', args: [] },
  { carrier: 'cri', what: 'files that begin anywhere in a line', args: ['-max-size', '50000'] },
];

function dockerOptions(...options: string[]): string[] {
  return options.flatMap((one) => ['-log-opt', one]);
}

let built: BuiltPackage;
const folders: string[] = [];
beforeAll(async () => {
  binary = goProgram('carriers');
  built = await buildPackage();
}, 900_000);
afterAll(() => {
  built.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'carriers-'));
  folders.push(path);
  return path;
}

/** So many bytes of text in which no two places are alike. */
const text = (bytes: number, word = 'w'): string => {
  let made = '';
  for (let at = 0; made.length < bytes; at++) made += `${word}${at} `;
  return made.slice(0, bytes);
};

const short = Buffer.concat([
  Buffer.from('{"user":"ada"}\nplain <b>&amp;</b> \u2028\u2029 \\ "\u00e4\u{1f600}" \u001b[1m\n\n{"a":\t1 }\n'),
  Buffer.from([0xff, 0x00, 0x41, 0x0a]),
]);
/** Sealed, they end before, on and behind the 16,384th and the 32,768th byte. */
const edges = [PIECE, 2 * PIECE].flatMap((end) =>
  Array.from({ length: 8 }, (_, at) => `{"t":"${text(end - 116 + at * 3)}"}\n`),
);
const ascii = [...edges, `${text(40_000)}\n`, `{"t":"${text(100_000)}"}\n`, `${'\u001b'.repeat(7_000)}\n`].join('');
const wide = `${text(9_000, '\u00e4\u{1f600}\u20ac')}\n{"t":"${text(20_000, '\u{1f600}')}"}\n`;

/** What an application wrote, as the command line seals it on standard output. */
async function seal(input: Buffer, maxLineBytes?: number): Promise<Buffer> {
  const args = ['seal', '--quiet', '--out', '-', '--origin', origin, '--state-dir', folder()];
  const more = maxLineBytes === undefined ? {} : { FAPILOG_TAMPER_MAX_LINE_BYTES: String(maxLineBytes) };
  const { code, stdout, stderr } = await built.run(args, { env: { ...env, ...more }, input });
  expect([code, stderr]).toEqual([0, '']);
  return Buffer.from(stdout);
}

/** Passes standard output through a carrier, standard error beside it, so many times two lines. */
function carry(carrier: Carrier, args: readonly string[], stdout: Buffer, times = 12): string {
  const directory = folder();
  const noise = join(folder(), 'stderr');
  writeFileSync(noise, `{"not":"sealed"}\n${'noise '.repeat(3_000)}\n`.repeat(times));
  const log = join(directory, carrier === 'docker' ? '4f66ad9a0b2e-json.log' : '0.log');
  const { status, stderr } = spawnSync(binary, [carrier, '-stderr', noise, ...args, log], { input: stdout });
  expect([status, stderr.toString()]).toEqual([0, '']);
  return directory;
}

interface Report {
  readonly verdict: string;
  readonly streams: readonly {
    readonly findings: readonly Finding[];
    readonly files: unknown;
    readonly fileDetails: unknown;
    readonly timeline: { readonly events: readonly { readonly file?: string }[] };
  }[];
  readonly findings: readonly Finding[];
  readonly unwrapped?: { readonly beside: number };
  readonly ignored: { readonly files: readonly { readonly file: string }[] };
}
interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly seq?: number;
  readonly lastSeq?: number;
}

async function verify(path: string, input: Buffer | '', ...args: string[]): Promise<Report> {
  const argv = ['verify', path, '--origin', origin, '--format', 'json', ...args];
  const { stdout } = await runCommand(argv, { env, input });
  return JSON.parse(Buffer.from(stdout, 'latin1').toString('utf8')) as Report;
}

/** A report without what must differ: what the files are called, and where in them a line stands. */
function said({ verdict, streams, findings }: Report): unknown {
  const found = ({ code, severity, seq, lastSeq }: Finding): unknown => ({ code, severity, seq, lastSeq });
  const facts = streams.map(({ files: _files, fileDetails: _details, timeline, findings: own, ...rest }) => ({
    ...rest,
    timeline: { ...timeline, events: timeline.events.map(({ file: _file, ...event }) => event) },
    findings: own.map(found),
  }));
  return { verdict, facts, findings: findings.map(found) };
}

const bytesOf = (path: string): Buffer => (path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path));
/** The names of a carrier's files, the oldest first. */
function inOrder(directory: string): string[] {
  const age = (name: string): number => Number(/\.(\d+)(?:\.gz)?$/.exec(name)?.[1] ?? 0); // Docker's
  const plain = (name: string): boolean => name.endsWith('.log');
  return readdirSync(directory).sort(
    (a, b) => Number(plain(a)) - Number(plain(b)) || age(b) - age(a) || (a < b ? -1 : 1),
  );
}

/** The lines of each of a carrier's files, by its name. */
function filesOf(directory: string): { name: string; lines: string[] }[] {
  return inOrder(directory).map((name) => {
    const lines = bytesOf(join(directory, name)).toString('latin1').split('\n').slice(0, -1);
    return { name: name.replace(/\.gz$/, ''), lines };
  });
}
const isBeside = (line: string): boolean => /^[^ ]+ stderr |"stream":"stderr"/.test(line);

/** Every log that a carrier must give back, by what is special about it. */
async function logs(carrier: Carrier): Promise<[string, Buffer, Buffer][]> {
  const all = Buffer.concat([short, Buffer.from(ascii), Buffer.from(wide)]);
  const whole = carrier === 'docker' ? Buffer.concat([short, Buffer.from(ascii)]) : all; // Docker breaks characters
  return [
    ['lines of any length', whole, await seal(whole)],
    ['lines that max_line_bytes keeps short', all, await seal(all, 8_000)],
  ];
}

describe.each(rotations)('$carrier, $what', ({ carrier, args }) => {
  it('carries a log of which the report and the lines are those of the log itself', async () => {
    for (const [what, application, sealed] of await logs(carrier)) {
      const directory = carry(carrier, args, sealed);
      const report = await verify(directory, '', '--unwrap', carrier);
      expect([what, report.verdict]).toEqual([what, 'ok']);
      expect(said(report)).toEqual(said(await verify('-', sealed)));
      const files = filesOf(directory);
      expect(files.length > 3).toBe(args.length > 0);
      const out = report.ignored.files.map(({ file }) => basename(file, '.gz')); // nothing in them but standard error
      const beside = files.filter(({ name }) => !out.includes(name)).flatMap(({ lines }) => lines.filter(isBeside));
      expect(report.unwrapped?.beside).toBe(beside.length);
      const { code, stdout } = await runCommand(['cat', directory, '--unwrap', carrier]);
      expect([code, Buffer.from(stdout, 'latin1').equals(application)]).toEqual([0, true]);
    }
  });

  it('carries a log that is not in order, and the report says what that of the log itself says', async () => {
    const sealed = await seal(Buffer.concat([short, Buffer.from(ascii)]));
    const lines = sealed.toString('latin1').split('\n');
    const log = (some: readonly string[]): Buffer => Buffer.from(some.join('\n'), 'latin1');
    const at = lines.findIndex((line) => line.includes('"integrity":{"seq":12,')); // checkpoints come when they are signed
    const record = lines[at] ?? '';
    expect(record).toContain('w7 ');
    const spoilt = {
      changed: log(lines.with(at, record.replace('w7 ', 'w8 '))),
      deleted: log(lines.toSpliced(at, 1)),
      doubled: log(lines.toSpliced(at, 0, record)),
      'cut at its end': sealed.subarray(0, -600),
      'without its beginning': log(lines.slice(3)),
      'with a line of something else': log(lines.toSpliced(at, 0, text(20_000))),
    };
    for (const [what, bytes] of Object.entries(spoilt)) {
      const own = said(await verify('-', bytes));
      expect(own, what).not.toMatchObject({ verdict: 'ok' });
      const directory = carry(carrier, args, bytes);
      const carried = Buffer.concat(inOrder(directory).map((name) => bytesOf(join(directory, name))));
      expect(said(await verify('-', carried, '--unwrap', carrier)), what).toEqual(own);
      // between two files a gap may be a file that was not given
      expect((await verify(directory, '', '--unwrap', carrier)).verdict, what).not.toBe('ok');
    }
  });
});

describe.each(rotations.filter(({ args }) => args.length > 0))('a line of $carrier, $what,', ({ carrier, args }) => {
  it('that was cut, deleted, changed or swapped with the next one is found', async () => {
    const application = Buffer.concat([short, Buffer.from(`${text(40_000)}\n{"t":"${text(70_000)}"}\n`), short]);
    const files = filesOf(carry(carrier, args, await seal(application)));
    const places = files.flatMap(({ lines }, file) => lines.map((line, at) => ({ file, at, line })));
    const own = places.filter(({ line }) => !isBeside(line));
    expect(own.length).toBeGreaterThan(20);
    const tries: [what: string, ...changes: { file: number; at: number; lines: string[] }[]][] = own.flatMap((one) => {
      const to = (what: string, ...lines: string[]): [string, { file: number; at: number; lines: string[] }] => [
        `${files[one.file]?.name}:${one.at + 1} ${what}`,
        { file: one.file, at: one.at, lines },
      ];
      const alone = own.filter(({ file }) => file === one.file).length === 1;
      if (mayGo(one.line) && alone) return []; // a file without it may be missing, and one in which nothing was sealed is none of the log
      return [
        to('cut', one.line.slice(0, one.line.length >> 1)),
        to('changed', changed(carrier, one.line)),
        ...(mayGo(one.line) ? [] : [to('deleted')]),
      ];
    });
    for (const [index, one] of own.entries()) {
      const next = own[index + 1];
      if (next?.file !== one.file || mayGo(one.line) || mayGo(next.line)) continue;
      const swap = [
        { file: one.file, at: one.at, lines: [next.line] },
        { file: next.file, at: next.at, lines: [one.line] },
      ];
      tries.push([`${files[one.file]?.name}:${one.at + 1} swapped`, ...swap]);
    }
    const directory = folder();
    const write = (file: number, lines: readonly string[]): void =>
      writeFileSync(
        join(directory, files[file]?.name ?? ''),
        Buffer.from(lines.map((l) => `${l}\n`).join(''), 'latin1'),
      );
    for (const [file, { lines }] of files.entries()) write(file, lines);
    expect((await verify(directory, '', '--unwrap', carrier)).verdict).toBe('ok');
    for (const [what, ...changes] of tries) {
      const { file } = changes[0] as (typeof changes)[number];
      const lines = (files[file]?.lines ?? []).flatMap(
        (line, at) => changes.find((one) => one.at === at)?.lines ?? line,
      );
      write(file, lines);
      expect((await verify(directory, '', '--unwrap', carrier)).verdict, what).not.toBe('ok');
      write(file, files[file]?.lines ?? []);
    }
    expect((await verify(directory, '', '--unwrap', carrier)).verdict).toBe('ok');
  });

  it('is none the less in its place wherever behind its entries the first checkpoint was written', async () => {
    const application = Buffer.concat([short, Buffer.from(`${text(40_000)}\n{"t":"${text(70_000)}"}\n`), short]);
    const lines = (await seal(application)).toString('latin1').split('\n').slice(0, -1);
    const [checkpoint = ''] = lines.splice(
      lines.findIndex((line) => line.includes('"kind":"checkpoint"')),
      1,
    );
    expect(checkpoint).toContain(`${origin}\\n2\\n`);
    const behind = lines.findIndex((line) => line.includes('"seq":2,')) + 1;
    for (let at = behind; at <= lines.length; at++) {
      const log = lines.toSpliced(at, 0, checkpoint).map((line) => `${line}\n`);
      const directory = carry(carrier, args, Buffer.from(log.join(''), 'latin1'));
      const { verdict, streams } = await verify(directory, '', '--unwrap', carrier);
      expect([at, verdict, streams[0]?.findings.filter(({ severity }) => severity !== 'warning')]).toEqual([
        at,
        'ok',
        [],
      ]);
    }
  });
});

/** A log says nothing else without a checkpoint that another one follows, or the empty line that a run begins with (M1.7). */
const mayGo = (line: string): boolean => /checkpoint|"log":"\\n"|stdout F $/.test(line);

/** Another letter or digit in the middle of what the line carries. */
function changed(carrier: Carrier, line: string): string {
  const start = carrier === 'cri' ? (/^(?:[^ ]+ ){3}/.exec(line)?.[0].length ?? 0) : '{"log":"'.length;
  const end = carrier === 'cri' ? line.length : line.indexOf('","stream":');
  for (let at = (start + end) >> 1; at < end; at++) {
    if (/[a-z0-9]/.test(line[at] ?? ''))
      return `${line.slice(0, at)}${line[at] === '7' ? '8' : '7'}${line.slice(at + 1)}`;
  }
  return `${line.slice(0, start)}7${line.slice(start)}`;
}

describe('the CR LF of a terminal', () => {
  it.each(['docker', 'cri'] as const)('is kept by Docker, taken off by containerd: %s', async (carrier) => {
    const sealed = await seal(short);
    const terminal = Buffer.from(sealed.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    const report = await verify(carry(carrier, [], terminal), '', '--unwrap', carrier);
    expect(said(report)).toEqual(said(await verify('-', carrier === 'cri' ? sealed : terminal)));
    expect(report.verdict === 'ok').toBe(carrier === 'cri');
  });
});

describe('what Docker does to a long line', () => {
  const lines = [0, 1, 2, 3].map((at) => `${'x'.repeat(at)}${'\u{1f600}'.repeat(5_000)}`);
  const application = Buffer.from(`${lines.join('\n')}\n`);

  it('is that each byte of a character across the cut becomes U+FFFD, and the entry AUTH_WRONG; containerd keeps bytes', async () => {
    const sealed = await seal(application);
    const directory = carry('docker', [], sealed);
    const { verdict, findings, streams } = await verify(directory, '', '--unwrap', 'docker');
    const wrong = [...findings, ...streams.flatMap((stream) => stream.findings)].filter(
      ({ code }) => code === 'AUTH_WRONG',
    );
    expect([verdict, [...new Set(wrong.map(({ seq }) => seq))]]).toEqual(['tampered', [3, 4, 5]]);
    const wrapped = filesOf(directory).flatMap((file) => file.lines.filter((line) => line.includes('stdout')));
    // three characters of four bytes, one of them on each side of its cut
    expect(wrapped.join('\n').split('\\ufffd').length - 1).toBe(12);
    const kept = await verify(carry('cri', [], sealed), '', '--unwrap', 'cri');
    expect(said(kept)).toEqual(said(await verify('-', sealed)));
    expect(kept.verdict).toBe('ok');
  });

  it('does not happen with max_line_bytes: 8000, whatever characters the lines have; but for control characters nothing is cut', async () => {
    const quoted = Buffer.concat([application, Buffer.from(`${'"'.repeat(7_999)}\n${'\u00e4'.repeat(4_000)}\n`)]);
    /** How many of Docker's lines end no line of the log. */
    const cuts = (directory: string): number =>
      filesOf(directory).flatMap(({ lines: own }) =>
        own.filter((line) => !isBeside(line) && !line.includes('\\n","stream":')),
      ).length;
    const directory = carry('docker', [], await seal(quoted, 8_000));
    expect([(await verify(directory, '', '--unwrap', 'docker')).verdict, cuts(directory)]).toEqual(['ok', 0]);
    const control = carry('docker', [], await seal(Buffer.from(`${'\u001b'.repeat(8_000)}\n`), 8_000));
    expect([(await verify(control, '', '--unwrap', 'docker')).verdict, cuts(control)]).toEqual(['ok', 2]);
  });

  it('is that rotation deletes the oldest files: the rest of the log is not ok by itself', async () => {
    const args = dockerOptions('max-size=20k', 'max-file=3');
    const sealed = await seal(Buffer.from(`${text(3_000)}\n`.repeat(60)));
    const directory = carry('docker', args, sealed, 0);
    expect(readdirSync(directory)).toHaveLength(3);
    const { verdict, streams } = await verify(directory, '', '--unwrap', 'docker');
    expect(verdict).toBe('undecided');
    expect(streams[0]?.findings.map(({ code }) => code)).toContain('START_UNPROVEN');
  });
});
