import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { auditorKeys, createSealer, type Sealer, verify } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';

const ORIGIN = 'audit.example.com/moved';

function place() {
  const root = mkdtempSync(join(tmpdir(), 'seal-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const logs = join(root, 'logs');
  mkdirSync(logs);
  const keyProvider = new MemoryProvider({ keyIds: ['audit'] });
  const begin = (): Sealer => {
    const sealer = createSealer({
      file: join(logs, 'audit.jsonl'),
      origin: ORIGIN,
      stateDir: join(root, 'state'),
      keySource: 'custom',
      keyProviderModule: 'memory',
      keyId: 'audit',
      keyProvider,
      checkpointMaxSeconds: 60,
    });
    onTestFinished(() => sealer.closeSync());
    sealer.on('warning', () => undefined);
    return sealer;
  };
  /** What lies on the disk if the process is killed now; the sealer is ended, and what it still did is undone. */
  const kill = (sealer: Sealer): void => {
    const kept = join(root, 'as-it-was');
    for (const part of ['logs', 'state']) cpSync(join(root, part), join(kept, part), { recursive: true });
    sealer.closeSync();
    for (const part of ['logs', 'state']) {
      rmSync(join(root, part), { recursive: true });
      renameSync(join(kept, part), join(root, part));
    }
    for (const name of readdirSync(join(root, 'state'))) {
      if (name.includes('.lock')) rmSync(join(root, 'state', name), { recursive: true }); // its lease is over
    }
  };
  const audit = async (leftOut: readonly string[] = []): Promise<{ verdict: string; records: number }> => {
    const names = readdirSync(logs).filter(
      (name) => name.startsWith('audit') && !/manifest|torn/.test(name) && !leftOut.includes(name),
    );
    const report = await verify({
      paths: names.map((name) => join(logs, name)),
      origin: ORIGIN,
      keys: auditorKeys({ provider: keyProvider, dataKeys: ['audit'] }),
    });
    return { verdict: report.verdict, records: report.streams.reduce((sum, { records }) => sum + records, 0) };
  };
  return { root, logs, begin, kill, audit };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it.each<[string, readonly string[], (logs: string) => void]>([
  ['the log was renamed', [], (logs) => renameSync(join(logs, 'audit.jsonl'), join(logs, 'audit.jsonl.1'))],
  [
    'the log was renamed, and an empty one put in its place',
    [],
    (logs) => {
      renameSync(join(logs, 'audit.jsonl'), join(logs, 'audit.jsonl-20261129'));
      writeFileSync(join(logs, 'audit.jsonl'), '');
    },
  ],
  [
    'the log was renamed, and there is an older copy of it',
    ['audit.jsonl.0'],
    (logs) => renameSync(join(logs, 'audit.jsonl'), join(logs, 'audit.2.jsonl')),
  ],
  [
    'the log was renamed, and its last line is torn',
    [],
    (logs) => {
      renameSync(join(logs, 'audit.jsonl'), join(logs, 'audit.jsonl.1'));
      writeFileSync(join(logs, 'audit.jsonl.1'), '{"torn":', { flag: 'a' });
    },
  ],
])('%s while the writer was dead: the next start goes on by itself', async (_what, leftOut, rename) => {
  const { logs, begin, kill, audit } = place();
  const first = begin();
  for (let n = 0; n < 50; n++) first.write(`{"n":${n}}`);
  await first.flush();
  if (leftOut.length > 0) copyFileSync(join(logs, 'audit.jsonl'), join(logs, 'audit.jsonl.0'));
  for (let n = 50; n < 60; n++) first.write(`{"n":${n}}`);
  await turn();
  await turn();
  kill(first);
  rename(logs);
  const second = begin();
  second.write('{"n":60}');
  await second.close();
  expect(await audit(leftOut)).toEqual({ verdict: 'ok', records: 61 });
});

it.each([false, true])(
  'the volume goes away at a change of file and comes back (writer killed meanwhile: %s)',
  async (isKilled) => {
    const { root, logs, begin, kill, audit } = place();
    const first = begin();
    for (let n = 0; n < 50; n++) first.write(`{"n":${n}}`);
    await first.flush();
    const away = join(root, 'away');
    renameSync(logs, away);
    await first.reopen();
    for (let n = 50; n < 60; n++) first.write(`{"n":${n}}`);
    await turn();
    renameSync(away, logs);
    if (isKilled) kill(first);
    else await first.close();
    const second = begin();
    second.write('{"n":60}');
    await second.close();
    expect(await audit()).toEqual({ verdict: 'ok', records: isKilled ? 51 : 61 });
  },
);

it('the log is gone: that is still for a human', async () => {
  const { logs, begin, kill } = place();
  const first = begin();
  first.write('{"n":0}');
  await first.flush();
  kill(first);
  rmSync(join(logs, 'audit.jsonl'));
  writeFileSync(join(logs, 'audit.jsonl.1'), '{"of":"somebody else"}\n');
  expect(begin).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
});
