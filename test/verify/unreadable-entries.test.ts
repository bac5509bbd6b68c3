import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { VerifyReport } from '../../src/index.ts';
import { audit, start, workplace } from '../seal/workplace.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { verify } from '../support/verifying.ts';
import { edKey } from '../vectors/keys.ts';

/** What rests on entries that cannot be read is undecided (M7.1, M8.10), and their reason comes first. */

/** A closed file with its manifest, changed and verified. */
async function verified(change: (file: string) => void): Promise<VerifyReport> {
  const { directory, file, options, provider } = workplace();
  const sealer = start(options());
  for (let n = 0; n < 50; n++) sealer.write(`{"n":${n},"id":"${(n * 7919) % 1000}"}`);
  await sealer.close();
  change(file);
  return audit(directory, provider);
}

/** The gzip file that logrotate makes of a file, of which it leaves an empty one, with one byte damaged. */
function packedAside(at: (packed: Buffer) => number): (file: string) => void {
  return (file) => {
    const packed = gzipSync(readFileSync(file));
    const place = at(packed);
    packed[place] = (packed[place] ?? 0) ^ 0xff;
    writeFileSync(file.replace('.jsonl', '.1.jsonl.gz'), packed);
    writeFileSync(file, '');
  };
}

it.each<[string, string, (file: string) => void]>([
  [
    'a file that a tool has rewritten, with its manifest',
    'RESERIALIZED',
    (file) => writeFileSync(file, readFileSync(file, 'utf8').replaceAll('":', '": ')),
  ],
  ['a damaged file whose manifest lies beside the empty one', 'UNREADABLE', packedAside(() => 60)],
  ['a file with a damaged header whose manifest lies beside the empty one', 'UNREADABLE', packedAside(() => 2)],
])('%s is undecided', async (_what, cause, change) => {
  const { verdict, findings } = await verified(change);
  expect(findings.map(({ code, message }) => `${code} ${message}`).join('\n')).not.toContain('MANIFEST_WRONG');
  expect(verdict).toBe('undecided');
  expect(findings[0]?.code).toBe(cause);
});

it('a manifest whose file was replaced by lines of nobody tells what is missing', async () => {
  const { verdict, findings } = await verified((file) => writeFileSync(file, '{"n":1}\n'));
  expect(verdict).toBe('undecided');
  expect(findings.map(({ code }) => code)).toContain('FILES_MISSING');
});

// spec 7: the manifest of a file that somebody moved away is none of the one that takes its name
it('a file that is begun at a change of file has no manifest of another one', async () => {
  const { directory, file, options, provider } = workplace();
  const sealer = start(options());
  sealer.write('{"n":1}');
  await sealer.close();
  const stale = readFileSync(`${file}.manifest.json`);
  const again = start(options());
  again.write('{"n":2}');
  await again.flush();
  writeFileSync(`${file}.manifest.json`, stale);
  await again.rotate();
  again.write('{"n":3}');
  await again.flush();
  const { findings, verdict } = await audit(directory, provider, { live: true });
  expect(findings.map(({ code }) => code)).not.toContain('MANIFEST_WRONG');
  expect(verdict).toBe('ok');
  await again.close();
});

// M8.10
it('a stream of which a checkpoint alone is left is missed, also by who names it by a pattern, in mixed files', async () => {
  const { directory } = workplace();
  const [here, gone] = ['audit.example.com/here', 'audit.example.com/gone'].map((origin) =>
    new SealedLog(origin)
      .open({ signers: [edKey] })
      .seal()
      .checkpoint()
      .close()
      .checkpoint(),
  ) as [SealedLog, SealedLog];
  const left = gone.lines.filter(({ bytes }) => bytes.includes('"kind":"checkpoint"')).slice(-1);
  const file = join(directory, 'mixed.jsonl');
  const lines = [...here.lines, ...left].flatMap(({ bytes }) => [bytes, Buffer.from('\n')]);
  writeFileSync(file, Buffer.concat(lines));
  const publicKeys = ['audit.example.com/here', 'audit.example.com/gone'].map((origin) => vkeyOf(origin, edKey));
  for (const origin of [['audit.example.com/*'], ['audit.example.com/here', 'audit.example.com/gone']]) {
    const { verdict, streams } = await verify({ paths: [file], origin, publicKeys, demux: true });
    const missed = streams.find((one) => one.origin === 'audit.example.com/gone');
    expect(missed?.findings.map(({ code }) => code)).toContain('FILES_MISSING');
    expect(verdict).toBe('undecided');
  }
});
