import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isTamperError, systemCode, TamperError } from '../../errors.ts';
import { auditorKeys, createSealer, generateKeyFile, type Sealer, type VerifyReport, verify } from '../../index.ts';
import { openRegular, readsLikeKey, shown } from '../../internal.ts';
import { type Command, type CommandIo, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { yes } from '../flags.ts';
import { bytesOfStream } from '../input/input-bytes.ts';
import { InputLines } from '../input/input-lines.ts';
import { print, printable } from '../output.ts';
import { runService } from './service.ts';
import { type Tampering, tamperings } from './tamperings.ts';

const REQUESTS = 200;
/** So much is taken of the user's own file, in bytes: a copy of its log is held in memory to be tampered with. */
const MOST = 1024 * 1024;
/** No file that holds a key alone is longer, in bytes. */
const LONGEST_KEY = 16_384;

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly origin: string;
  readonly keyFile: string;
  readonly known: string;
}

async function check({ file, origin, keyFile, known }: Place, path: string, remember: boolean): Promise<VerifyReport> {
  const keys = auditorKeys({ dataKeyFiles: [keyFile] });
  return verify({ paths: [path], origin, keys, ...(remember || path !== file ? { known } : {}) });
}

/** The beginning of the user's own file, unpacked where it is compressed. */
async function openOwnFile(path: string): Promise<Readable> {
  const file = await openRegular(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    if ((await file.stat()).size <= LONGEST_KEY) refuseKey(path, await file.readFile());
  } catch (error) {
    await file.close();
    throw error;
  }
  const bytes = file.createReadStream({ start: 0 });
  const unpacked = path.endsWith('.gz') ? pipeline(bytes, createGunzip(), () => undefined) : bytes; // who reads is told
  return Readable.from(beginning(unpacked));
}

async function* beginning(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = MOST;
  for await (const chunk of bytes) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

/** What is sealed here is printed. @throws USAGE if the file holds a key and nothing else */
function refuseKey(path: string, bytes: Buffer): void {
  const text = bytes.toString('latin1').trim();
  bytes.fill(0);
  if (!text.startsWith('-----BEGIN') && (/\s/.test(text) || !readsLikeKey(text))) return;
  throw new TamperError('USAGE', `${shown(path)} holds a key, and demo prints lines of the file that it is given`, {
    hint: 'Name one of your log files.',
  });
}

function unreadable(path: string, error: unknown): TamperError {
  const code = systemCode(error);
  if (code === 'not a regular file') return new TamperError('USAGE', `${path} is ${code}; demo takes one log file`);
  return new TamperError(code === 'ENOENT' ? 'NOT_FOUND' : 'READ_FAILED', `${path} cannot be read (${code})`, {
    cause: error,
    hint: 'Name one of your log files, or leave it out: then a small web service produces the lines.',
  });
}

/** Seals the user's own file, or what a small service logs. @returns what was sealed, in words */
async function sealLines(place: Place, ownFile: string | undefined): Promise<string> {
  const { file, origin, keyFile, folder } = place;
  const sealer = createSealer({
    file,
    origin,
    keySource: 'file',
    keyFilePath: keyFile,
    keyId: 'demo',
    stateDir: join(folder, 'state'),
    checkpointMaxRecords: 50,
  });
  try {
    await sealer.ready;
    const what = await logInto(sealer, ownFile);
    await sealer.flush();
    return what;
  } finally {
    await sealer.close(); // else it would still write into the folder that is about to be removed
  }
}

async function logInto(sealer: Sealer, ownFile: string | undefined): Promise<string> {
  if (ownFile === undefined) {
    const logger = await runService(sealer, REQUESTS);
    return `${REQUESTS} requests to a small web service were answered and logged with ${logger}`;
  }
  const input = new InputLines(bytesOfStream(await openOwnFile(ownFile)), new Promise<never>(() => undefined));
  const next = async (): ReturnType<typeof input.next> => {
    try {
      return await input.next();
    } catch (error) {
      throw isTamperError(error, 'READ_FAILED') ? unreadable(ownFile, error.cause) : error;
    }
  };
  let isText = true;
  for (let lines = await next(); lines !== undefined; lines = await next()) {
    isText &&= !lines.bytes.includes(0);
    const goOn = lines.goesOn ? sealer.writePiece(lines.bytes) : sealer.write(lines.bytes);
    if (!goOn) await once(sealer, 'drain');
  }
  const remark = isText ? '' : ' (it is not a text file: what is between its line ends is sealed byte for byte)';
  return `The lines of ${basename(ownFile)} were sealed${remark}`;
}

function placeText(report: VerifyReport): string {
  const finding = report.findings.find(({ severity }) => severity === 'tampered');
  if (finding === undefined) return 'NOT FOUND';
  const where = [
    ...(finding.line === undefined ? [] : [`line ${finding.line}`]),
    ...(finding.seq === undefined ? [] : [`entry ${finding.seq}`]),
  ].join(', ');
  return `found: ${finding.code} at ${where}\n      ${finding.message}`;
}

/** The record that was altered, as it was and as it is now; nothing where lines were only moved or removed. */
function beforeAndAfter(lines: readonly string[], altered: readonly string[]): string {
  if (lines.length !== altered.length) return '';
  const changed = lines.findIndex((line, index) => line !== altered[index]);
  const [before = '', after = ''] = [lines[changed], altered[changed]];
  let same = 0;
  while (same < before.length && before[same] === after[same]) same++;
  const from = Math.max(0, same - 40);
  const cut = (line: string): string => `${from > 0 ? '…' : ''}${line.slice(from, from + 72)}…`;
  return `      before: ${cut(before)}\n      after:  ${cut(after)}\n`;
}

async function showTampering(place: Place, tampering: Tampering, number: number, io: CommandIo): Promise<boolean> {
  const lines = (await readFile(place.file, 'utf8')).split('\n').slice(0, -1);
  const spoiled = join(place.folder, `tampered-${number}.jsonl`);
  const altered = tampering.apply(lines);
  await writeFile(spoiled, `${altered.join('\n')}\n`);
  const report = await check(place, spoiled, true);
  const known = tampering.needsKnown ? ' (the auditor remembers the checkpoint from the last visit)' : '';
  const text = `  ${number}. Someone ${tampering.what}: ${tampering.why}${known}\n${beforeAndAfter(lines, altered)}    ${report.verdict.toUpperCase()}  ${placeText(report)}\n`;
  await print(io.stdout, text.split('\n').map(printable).join('\n'));
  return report.verdict === 'tampered';
}

/** `fapilog-tamper demo` */
export const demo: Command = command(
  {
    usage: '[FILE] [--keep]',
    examples: ['%', '% app.log --keep'],
    about: [
      'Seals real log lines with a new key, verifies them, tampers with four copies in four ways, and shows what is detected. Without FILE, the lines come from a small web service that answers real requests on this machine. With FILE, they come from the first MiB of your file, which stays untouched.',
    ],
    flags: { keep: yes('keep the folder of the demonstration') },
    takesConfig: false,
  },
  async ({ flags: { keep }, positionals }, io) => {
    if (positionals.length > 1) throw new TamperError('USAGE', 'demo takes at most one file');
    const folder = await mkdtemp(join(tmpdir(), 'fapilog-tamper-demo-'));
    const place = {
      folder,
      file: join(folder, 'audit.jsonl'),
      origin: 'audit.example.com/demo',
      keyFile: join(folder, 'demo.key'),
      known: join(folder, 'known.json'),
    };
    const say = async (text: string): Promise<boolean> => print(io.stdout, `${text}\n`);
    try {
      await generateKeyFile(place.keyFile, 'HMAC-SHA256');
      await say(`1. Sealing. ${printable(await sealLines(place, positionals[0]))}; a key was made for it on the spot.`);
      const honest = await check(place, place.file, true);
      const [stream] = honest.streams;
      if (stream?.records === 0) {
        throw new TamperError(
          'USAGE',
          `${positionals[0]} contains no line, so there is nothing to seal and tamper with`,
          {
            hint: 'Name a log file with lines, or leave it out: then a small web service produces them.',
          },
        );
      }
      await say(
        `\n2. Verifying, as an auditor with that key would: ${honest.verdict.toUpperCase()}, ${stream?.records === 1 ? '1 record' : `${stream?.records ?? 0} records`}.`,
      );
      if (honest.verdict !== 'ok') throw new TamperError('INTERNAL', 'the sealed log did not verify');
      await say('\n3. Tampering with a fresh copy each time, without the key:\n');
      let found = 0;
      for (const [index, tampering] of tamperings.entries()) {
        if (await showTampering(place, tampering, index + 1, io)) found++;
        await say('');
      }
      if (found < tamperings.length)
        throw new TamperError('INTERNAL', `only ${found} of ${tamperings.length} were found`);
      await say(`All ${found} were found.`);
      if (keep) await say(`The files are in ${folder}: try fapilog-tamper verify on them.`);
      return exitCode.done;
    } finally {
      if (!keep) await rm(folder, { recursive: true, force: true });
    }
  },
);
