import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage, writeProgram } from '../support/built-package.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey } from '../vectors/keys.ts';

/** Processes that check for another one hold its keys: they end when it does, however it ends. */

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());

/** What the kernel says of a process: its parent; undefined where it is gone or a zombie. */
function parentOf(pid: number): number | undefined {
  try {
    const [, state, parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return state === 'Z' ? undefined : Number(parent);
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code))) return undefined;
    throw error;
  }
}

function childrenOf(pid: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((one) => parentOf(one) === pid);
}

/** Runs a program until it says `ready`, kills it so that it can do nothing more, and waits for its children to go. */
async function orphan(name: string, text: string): Promise<{ readonly children: number; readonly left: number }> {
  const program = join(built.directory, writeProgram(built, name, text));
  const parent = spawn(process.execPath, [program], { cwd: built.directory, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout, 'data');
  const children = childrenOf(parent.pid ?? 0);
  const ended = once(parent, 'exit');
  parent.kill('SIGKILL');
  await ended;
  const alive = (): number[] => children.filter((pid) => parentOf(pid) !== undefined);
  await expect.poll(alive).toEqual([]);
  return { children: children.length, left: alive().length };
}

describe('when a verifier has seen enough', () => {
  it('the processes that check parts of a file end, also in the middle of a long answer', async () => {
    const answerer = writeProgram(
      built,
      'answerer.mjs',
      `process.on('message', ({ id }) => process.send({ id, runs: [{ leaves: new Uint8Array(60_000_000) }] }));`,
    );
    const program = `
import { SegmentPool } from './dist/verify/parallel/segment-pool.js';
const pool = new SegmentPool({ file: ${JSON.stringify(join(built.directory, answerer))}, args: [] }, 0, 2);
for (const id of [0, 1]) pool.check(id, 1, () => undefined);
setTimeout(() => pool.close(), Number(process.argv[2]));
`;
    const file = join(built.directory, writeProgram(built, 'enough.mjs', program));
    for (const after of [40, 80, 120, 160, 200, 240, 300, 400]) {
      const reader = spawn(process.execPath, [file, String(after)], { stdio: ['ignore', 'inherit', 'inherit'] });
      await once(reader, 'exit'); // which does not come while one of them is left
    }
  });
});

describe('when a verifier is killed', () => {
  it('the processes that check parts of a file for it go too', async () => {
    writeFileSync(join(built.directory, 'large.jsonl'), Buffer.alloc(9 * 1024 * 1024, 'a line\n'));
    const text = `
import { openSync } from 'node:fs';
import { SegmentPool } from './dist/verify/parallel/segment-pool.js';
import { segmentProgram } from './dist/verify/parallel/segment-program.js';
const pool = new SegmentPool(segmentProgram(), openSync('large.jsonl'), 2);
await Promise.all([pool.check(0, 1000, () => undefined), pool.check(0, 1000, () => undefined)]);
for (let at = 0; at < 8; at++) pool.check(0, 8 * 1024 * 1024, () => undefined);
console.log('ready');
setInterval(() => undefined, 1000);
`;
    expect(await orphan('segments.mjs', text)).toEqual({ children: 2, left: 0 });
  });

  it('the process that checks a closed file for a writer goes too, in the middle of its work', async () => {
    writeProgram(
      built,
      'slow-keys.mjs',
      `
const never = () => new Promise(() => setInterval(() => undefined, 1000));
export function createProvider() {
  return { source: 'custom', getKey: never, recoverKey: () => { process.send({ asked: true }); return never(); },
    getSigningKey: never, sign: never, signBatch: never, verify: never, rotateCheck: never, close: never };
}
`,
    );
    const reference = new SealedLog().open({ dataKey }).epoch?.reference;
    if (reference?.records !== 'mac') throw new Error('a data key makes MACs');
    const log = new SealedLog()
      .open({ dataKey }, { key: { ...reference, source: 'custom' } })
      .seal()
      .checkpoint();
    const bytes = log.close('rotated').checkpoint().toFiles()[0]?.bytes ?? '';
    writeFileSync(join(built.directory, 'closed.jsonl'), bytes);
    const text = `
import { fork } from 'node:child_process';
import { resolveConfig } from './dist/internal.js';
const { config } = resolveConfig({ code: { keySource: 'custom', keyProviderModule: './slow-keys.mjs', keyId: 'audit' } });
const child = fork('./dist/api/closed-file-process.js', { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
child.on('message', (message) => (message.asked ? console.log('ready') : console.error(message)));
child.send({ config, file: 'closed.jsonl', origin: '${log.origin}' });
`;
    expect(await orphan('watched.mjs', text)).toEqual({ children: 1, left: 0 });
  });
});
