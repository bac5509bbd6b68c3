import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEFAULT_ACCEPTANCE } from '../../src/verify/auditor/auditor.ts';
import { verify } from '../../src/verify/verify.ts';
import { sealTapes } from '../nights/tapes.ts';

/** A log that was seen from its first entry on: whatever checkpoints were in it then, its beginning is missed later. */

const { all, keys } = await sealTapes();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'known-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const isCheckpoint = (line: string): boolean => line.includes('"kind":"checkpoint"');

const alone = all.filter(({ name }) => name !== 'chained');

it.each(alone.flatMap(({ name, stages }) => [true, false].map((hushed) => ({ name, stages, hushed }))))(
  '$name, checkpoints of its first file removed: $hushed',
  async ({ name, stages, hushed }) => {
    const logs = join(folder, 'logs');
    mkdirSync(logs);
    const files = [...(stages[4] ?? [])];
    const [[first, bytes] = ['', Buffer.alloc(0)]] = files;
    for (const [file, content] of files) writeFileSync(join(logs, file), content);
    if (hushed) {
      rmSync(join(logs, `${first}.manifest.json`), { force: true });
      const lines = bytes.toString().split('\n');
      writeFileSync(join(logs, first), lines.filter((line) => !isCheckpoint(line)).join('\n'));
    }
    const origin = `fleet/${name}`;
    const stream = { origin, min: 1, records: 'hash', require: [], dataKeys: [], publicKeys: [], pins: [] } as const;
    const rest = {
      wholeRequired: false,
      end: { until: new Date(0) },
      manifestRequired: false,
      accept: DEFAULT_ACCEPTANCE,
    };
    const policy = { streams: [{ ...stream, ...rest }] };
    const publicKeys = (keys.publicKeys ?? []).filter((key) => String(key).startsWith(`${origin}+`));
    const options = { paths: [logs], ...keys, publicKeys, policy, known: join(folder, 'known.json') };
    const before = await verify(options);
    // a restart and a manifest are about checkpoints that are in the file
    if (hushed && before.verdict !== 'ok') return;
    expect(before.verdict).toBe('ok');
    rmSync(join(logs, first));
    rmSync(join(logs, `${first}.manifest.json`), { force: true });
    expect((await verify(options)).verdict).not.toBe('ok');
  },
);
