import { gzipSync } from 'node:zlib';
import { SealedLog } from '../../support/sealed-log.ts';
import { dataKey } from '../keys.ts';
import { macBody, macKeys, macLog } from '../logs.ts';
import { entry, insertAfter } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Honest damage, and files that are none of ours. */

const first = 'FIRST_RUN_TRUSTS_KEY 1';
const auditor = (further: Further = {}): ReturnType<typeof brings> => brings(macLog(), { data: [dataKey] }, further);

function one(
  name: string,
  about: string,
  file: string,
  bytes: Buffer,
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase {
  return vector(name, about, [{ name: file, bytes }], auditor(), verdict, ...findings);
}

function bytesOf(log: SealedLog): Buffer {
  return Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
}

function crlf(): Buffer {
  return Buffer.from(bytesOf(macLog()).toString('utf8').replaceAll('\n', '\r\n'));
}

function reserialized(): Buffer {
  const lines = bytesOf(macLog()).toString('utf8').trimEnd().split('\n');
  return Buffer.from(
    lines.map((line) => `${JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', '')}\n`).join(''),
  );
}

function utf16(): Buffer {
  return Buffer.from(`\ufeff${crlf().toString('utf8')}`, 'utf16le');
}

function inEncoding(name: string, about: string, dash: () => string): VectorCase {
  const bytes = Buffer.from(bytesOf(macLog()).toString('utf8').replaceAll('—', dash));
  return one(name, about, 'log.jsonl', bytes, 2, first, 'END_UNPROVEN 14', 'ENCODING_CONVERTED');
}

function accented(): SealedLog {
  return new SealedLog().open(macKeys).seal().checkpoint().record('{"msg":"payé"}').close().checkpoint();
}

function torn(): SealedLog {
  const log = macBody();
  const half = entry(macLog(), 9).bytes.subarray(0, 30);
  return log.raw(half).open(macKeys).seal().checkpoint().close().checkpoint();
}

function twoTorn(): SealedLog {
  const log = macBody().raw('first debris').raw('second debris');
  return log.open(macKeys).seal().checkpoint().close().checkpoint();
}

function member(bytes: Buffer): Buffer {
  const compressed = gzipSync(bytes, { level: 9 });
  compressed[9] = 255; // operating system: unknown, the same on every machine
  return compressed;
}

export function damageCases(): VectorCase[] {
  const plain = bytesOf(macLog());
  const half = plain.subarray(0, plain.indexOf('\n', plain.length / 2) + 1);
  const rest = plain.subarray(half.length);
  const damaged = member(plain);
  damaged.writeUInt8((damaged[40] ?? 0) ^ 0xff, 40);
  const runs = { data: [dataKey, dataKey] };
  const unfinished = Buffer.concat([plain, Buffer.from('{"level":30')]);
  return [
    one(
      'not-sealed',
      'a JSON log that was never sealed',
      'log.jsonl',
      Buffer.from('{"level":30,"msg":"a"}\n{"level":30,"msg":"b"}\n'),
      2,
      'NOT_SEALED',
    ),
    one(
      'not-sealed-text',
      'a text log',
      'log.jsonl',
      Buffer.from('Jun 14 15:16:01 combo sshd[19939]: authentication failure\n'),
      2,
      'NOT_SEALED',
    ),
    one('empty-file', 'an empty file', 'log.jsonl', Buffer.alloc(0), 2, 'EMPTY_FILE', 'NOT_SEALED'),
    one('line-endings-converted', 'every LF became CR LF', 'log.jsonl', crlf(), 2, 'LINE_ENDINGS_CONVERTED', first),
    one(
      'line-ending-changed',
      'one line got a CR',
      'log.jsonl',
      Buffer.from(
        plain
          .toString('utf8')
          .replace('1 booked","amount":7', '1 booked","amount":7')
          .replace('"}}\n{"level":30,"msg":"payment 2', '"}}\r\n{"level":30,"msg":"payment 2'),
      ),
      1,
      first,
      'FOREIGN_LINE 3',
      'ENTRIES_MISSING 3',
    ),
    one('reserialized', 'every line was parsed and written again', 'log.jsonl', reserialized(), 2, 'RESERIALIZED'),
    one('reserialized-utf-16', 'a shell made UTF-16 of the file', 'log.jsonl', utf16(), 2, 'RESERIALIZED'),
    vector(
      'torn-tail',
      'a crash tore a line; a restart follows',
      torn(),
      brings(torn(), runs),
      2,
      first,
      'TORN_TAIL',
      'RESTART 14',
      'RESTART_TRUSTS_KEY 14',
    ),
    vector(
      'torn-tail-two',
      'two lines of debris before a restart: only the last one can be torn',
      twoTorn(),
      brings(twoTorn(), runs),
      1,
      first,
      'FOREIGN_LINE 14',
      'TORN_TAIL',
      'RESTART 14',
      'RESTART_TRUSTS_KEY 14',
    ),
    one(
      'torn-tail-cut',
      'a crash tore a line, and the restart behind it is cut',
      'log.jsonl',
      bytesOf(torn()).subarray(0, bytesOf(macBody()).length + 71),
      2,
      first,
      'TORN_TAIL',
      'TORN_TAIL',
      'END_UNPROVEN 13',
    ),
    one('unterminated', 'the file ends inside a line', 'log.jsonl', unfinished, 2, first, 'TORN_TAIL'),
    one(
      'valid-empty-lines',
      'empty lines are no lines',
      'log.jsonl',
      Buffer.from(plain.toString('utf8').replaceAll('\n', '\n\n')),
      0,
      first,
    ),
    one(
      'valid-gzip',
      'a compressed file of two members',
      'log.jsonl.gz',
      Buffer.concat([member(half), member(rest)]),
      0,
      first,
    ),
    one(
      'gzip-trailing',
      'bytes after the last member',
      'log.jsonl.gz',
      Buffer.concat([member(plain), Buffer.from('payload')]),
      2,
      'GZIP_TRAILING',
      first,
    ),
    one('unreadable', 'compressed data is damaged', 'log.jsonl.gz', damaged, 2, 'UNREADABLE'),
    vector(
      'unreadable-beginning',
      'the first bytes of a compressed file are zeros; a checkpoint of the end is held',
      [{ name: 'log.jsonl.gz', bytes: Buffer.concat([Buffer.alloc(2), member(plain).subarray(2)]) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
    ),
    one(
      'unreadable-cut',
      'a compressed file is cut',
      'log.jsonl.gz',
      member(plain).subarray(0, -20),
      2,
      'UNREADABLE',
      first,
      'TORN_TAIL',
      'END_UNPROVEN 14',
    ),
    vector(
      'unreadable-form',
      'a file begins as one that xz compressed; a checkpoint of the end is held',
      [{ name: 'log.jsonl.xz', bytes: Buffer.concat([Buffer.from('fd377a585a00', 'hex'), plain]) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
    ),
    vector(
      'unreadable-archive',
      'the log is in a compressed tar archive; a checkpoint of the end is held',
      [{ name: 'log.tar.gz', bytes: member(Buffer.concat([Buffer.alloc(257), Buffer.from('ustar  '), plain])) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
    ),
    vector(
      'unreadable-twice',
      'a file was compressed twice; a checkpoint of the end is held',
      [{ name: 'log.jsonl.gz', bytes: member(member(plain)) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
    ),
    vector(
      'unreadable-marked',
      'a byte order mark stands before compressed data; a checkpoint of the end is held',
      [{ name: 'log.jsonl.gz', bytes: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), member(plain)]) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
    ),
    vector(
      'unreadable-cut-header',
      'a compressed file of two members is cut inside the header of the second; a checkpoint of the end is held',
      [{ name: 'log.jsonl.gz', bytes: Buffer.concat([member(half), member(rest).subarray(0, 5)]) }],
      auditor({ held: [macLog().note()] }),
      2,
      'UNREADABLE',
      first,
      'END_UNPROVEN 8',
    ),
    vector(
      'valid-earlier-copy',
      'a backup that was made when the log was shorter stands beside it',
      [
        { name: 'log.backup.jsonl', bytes: half },
        { name: 'log.jsonl', bytes: plain },
      ],
      auditor(),
      0,
      first,
      'EARLIER_COPY 1',
    ),
    vector(
      'valid-torn-copy',
      'a backup was made when a crash had torn the last line; the next start set that line aside and wrote on',
      [
        { name: 'log.backup.jsonl', bytes: Buffer.concat([half, Buffer.from('{"lost":"by a crash","integ')]) },
        { name: 'log.jsonl', bytes: plain },
      ],
      auditor(),
      0,
      first,
      'EARLIER_COPY 1',
    ),
    vector(
      'valid-filled-copy',
      'half a download, filled up with NUL and ended by a line feed, stands beside the log',
      [
        { name: 'log.jsonl', bytes: plain },
        {
          name: 'log.part.jsonl',
          bytes: Buffer.concat([plain.subarray(0, half.length + 40), Buffer.alloc(300), Buffer.from('\n')]),
        },
      ],
      auditor(),
      0,
      first,
      'EARLIER_COPY 1',
    ),
    vector(
      'line-endings-converted-copy',
      'a copy whose every LF became CR LF stands beside the log',
      [
        { name: 'log.jsonl', bytes: plain },
        { name: 'log.windows.jsonl', bytes: crlf() },
      ],
      auditor(),
      2,
      first,
      'LINE_ENDINGS_CONVERTED 1',
    ),
    vector(
      'line-endings-converted-copy-torn',
      'the same, and the log has lost its last line feed: the copy says more',
      [
        { name: 'log.jsonl', bytes: plain.subarray(0, -1) },
        { name: 'log.windows.jsonl', bytes: crlf() },
      ],
      auditor(),
      2,
      first,
      'LINE_ENDINGS_CONVERTED 1',
      'LINE_ENDINGS_CONVERTED',
    ),
    vector(
      'line-endings-converted-copy-empty',
      'a copy whose every LF became CR LF, with more empty lines, stands beside the log',
      [
        { name: 'log.jsonl', bytes: plain },
        { name: 'log.windows.jsonl', bytes: Buffer.concat([Buffer.from('\r\n'), crlf(), Buffer.from('\r\n\r\n')]) },
      ],
      auditor(),
      2,
      first,
      'LINE_ENDINGS_CONVERTED 1',
    ),
    vector(
      'valid-copy-empty-lines',
      'a copy with more empty lines stands beside the log',
      [
        { name: 'log.copy.jsonl', bytes: Buffer.from(plain.toString('utf8').replaceAll('\n', '\n\n')) },
        { name: 'log.jsonl', bytes: plain },
      ],
      auditor(),
      0,
      first,
    ),
    one(
      'torn-tail-last',
      'the last line was begun and not finished, and ends with LF',
      'log.jsonl',
      Buffer.concat([unfinished, Buffer.from('\n')]),
      2,
      first,
      'TORN_TAIL',
    ),
    inEncoding('encoding-converted', 'the dashes of signature lines are hyphens', () => '-'),
    inEncoding('encoding-converted-escape', 'what is not ASCII is written as JSON escapes', () => '\\u2014'),
    inEncoding('encoding-converted-page', 'UTF-8 was read as Windows-1252', () => 'â€”'),
    inEncoding('encoding-converted-big5', 'the dash has a letter of ASCII as its second byte', () => '\ufffdX'),
    one(
      'encoding-converted-record',
      'a program wrote a question mark for all that is not ASCII, in a record too',
      'log.jsonl',
      Buffer.from(
        bytesOf(accented())
          .toString('utf8')
          .replaceAll(/[^\0-\x7f]/g, '?'),
      ),
      2,
      first,
      'ENCODING_CONVERTED',
    ),
    vector(
      'encoding-converted-copy',
      'a copy in another encoding stands beside the log',
      [
        { name: 'log.jsonl', bytes: plain },
        { name: 'log.latin.jsonl', bytes: Buffer.from(plain.toString('utf8').replaceAll('—', '?'), 'latin1') },
      ],
      auditor(),
      2,
      first,
      'ENCODING_CONVERTED 1',
    ),
    one(
      'line-endings-converted-mark',
      'a byte order mark was put before the first line',
      'log.jsonl',
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), plain]),
      2,
      'LINE_ENDINGS_CONVERTED',
      first,
    ),
    one(
      'line-endings-converted-empty',
      'every LF became CR LF, those of empty lines too',
      'log.jsonl',
      Buffer.concat([Buffer.from('\r\n'), crlf(), Buffer.from('\r\n')]),
      2,
      'LINE_ENDINGS_CONVERTED',
      first,
    ),
    vector(
      'limit-expansion',
      'a compressed file expands to more than the auditor allows',
      [{ name: 'log.jsonl.gz', bytes: member(Buffer.concat([plain, Buffer.alloc(1 << 20, '\n')])) }],
      auditor({ max_bytes: 100_000 }),
      2,
      'LIMIT',
    ),
    vector(
      'limit-line',
      'a line of more than 16 MiB',
      [{ name: 'log.jsonl.gz', bytes: member(Buffer.concat([plain, Buffer.alloc(17 << 20, 'x'), Buffer.from('\n')])) }],
      auditor(),
      2,
      'LIMIT',
    ),
    vector(
      'foreign-line-binary',
      'binary bytes between two entries',
      insertAfter(macLog(), 5, Buffer.from([0, 1, 2, 0xff])),
      auditor(),
      1,
      first,
      'FOREIGN_LINE 6',
    ),
    vector(
      'foreign-line-before',
      'lines before the first entry',
      [{ name: 'log.jsonl', bytes: Buffer.concat([Buffer.from('one\ntwo\n'), plain]) }],
      auditor(),
      1,
      first,
      'FOREIGN_LINE 1',
    ),
  ];
}
