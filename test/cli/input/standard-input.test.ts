import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../../support/built-package.ts';

/** Says how many bytes standard input holds and what they hash to, reading slower than they come. */
const READER = `
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { standardInput } from './dist/command.js';
const input = standardInput();
const hash = createHash('sha256');
let bytes = 0;
for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  hash.update(chunk);
  bytes += chunk.length;
  Buffer.from(chunk.buffer, chunk.byteOffset - input.room, input.room).fill('!');
}
input.close();
console.log(bytes, hash.digest('hex'));
`;
let built: BuiltPackage;
let file: string;
const content = randomBytes(3_000_001);

beforeAll(async () => {
  built = await buildPackage();
  writeProgram(built, 'reader.mjs', READER);
  file = join(built.directory, 'content');
  writeFileSync(file, content);
});
afterAll(() => built.remove());

const said = (bytes: Buffer): string => `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}\n`;

async function read(stdin: number | 'pipe' | 'ignore', command: readonly string[], input?: Readable): Promise<string> {
  const [program = '', ...argv] = command;
  const child = spawn(program, argv, { cwd: built.directory, stdio: [stdin, 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const closed = once(child, 'close');
  if (input !== undefined && child.stdin !== null) await pipeline(input, child.stdin);
  await closed;
  return text;
}

const reader = [process.execPath, 'reader.mjs'];

describe('standardInput', () => {
  it('reads a file, from where it has been read to', async () => {
    const fd = openSync(file, 'r');
    try {
      readSync(fd, Buffer.alloc(1_234));
      expect(await read(fd, reader)).toBe(said(content.subarray(1_234)));
    } finally {
      closeSync(fd);
    }
  });

  it('reads a pipe', async () => {
    expect(await read('ignore', ['sh', '-c', 'cat content | "$1" reader.mjs', 'sh', process.execPath])).toBe(
      said(content),
    );
  });

  it('reads a socket, however what it gets is cut', async () => {
    const pieces = Readable.from([content.subarray(0, 1), content.subarray(1, 70_000), content.subarray(70_000)]);
    expect(await read('pipe', reader, pieces)).toBe(said(content));
  });

  it.each([
    ['a pipe', ['sh', '-c', 'cat content | "$1" late.mjs', 'sh', process.execPath], undefined],
    ['a socket', [process.execPath, 'late.mjs'], content],
  ] as const)('loses nothing of %s where it is asked late', async (_what, command, input) => {
    writeProgram(
      built,
      'late.mjs',
      READER.replace('let bytes', "await (await import('node:timers/promises')).setTimeout(300);\nlet bytes"),
    );
    const stdin = input === undefined ? 'ignore' : 'pipe';
    expect(await read(stdin, command, input && Readable.from([input]))).toBe(said(content));
  });

  it('reads nothing where there is nothing', async () => {
    expect(await read('ignore', reader)).toBe(said(Buffer.alloc(0)));
    expect(await read('ignore', ['sh', '-c', 'true | "$1" reader.mjs', 'sh', process.execPath])).toBe(
      said(Buffer.alloc(0)),
    );
    expect(await read('ignore', ['sh', '-c', '"$1" reader.mjs <&-', 'sh', process.execPath])).toBe(
      said(Buffer.alloc(0)),
    );
  });

  it('lets a process end that has had enough', async () => {
    const enough = `
import { standardInput } from './dist/command.js';
const input = standardInput();
console.log((await input.next()).length > 0);
input.close();
`;
    writeProgram(built, 'enough.mjs', enough);
    const command = '(echo one; exec sleep 60) | ("$1" enough.mjs; kill 0)';
    expect(await read('ignore', ['setsid', 'sh', '-c', command, 'sh', process.execPath])).toBe('true\n');
  });
});
