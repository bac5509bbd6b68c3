import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LogLine, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { verify } from '../support/verifying.ts';
import { edKey } from '../vectors/keys.ts';

/**
 * A host crashed, its last entries were lost with it, and a copy of the file before has them: the next file begins below the
 * end of that one. Wherever that end lies, the next file is judged as any other.
 */

const origin = 'audit.example.com/a';
const publicKeys = [vkeyOf(origin, edKey)];

interface Files {
  readonly before: readonly LogLine[];
  readonly next: readonly LogLine[];
  /** Of the next file, whole. */
  readonly manifest: object;
}

function crashed(lost: number): Files {
  const host = new SealedLog(origin)
    .open({ signers: [edKey] })
    .seal()
    .checkpoint()
    .record('{"n":3}', '{"n":4}', '{"n":5}', '{"n":6}')
    .seal()
    .checkpoint();
  const shipped = host.fork().record(...Array.from({ length: lost }, (_, n) => `{"lost":${n}}`));
  const kept = host.lines.length;
  host
    .open({ signers: [edKey] })
    .seal()
    .checkpoint()
    .record('{"n":10}', '{"n":11}')
    .seal();
  host.record('{"n":13}').close().checkpoint();
  const next = host.lines.slice(kept);
  return { before: shipped.lines, next, manifest: host.manifestOf('b.jsonl', next) };
}

async function judged(before: readonly LogLine[], next: readonly LogLine[], manifest?: object): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'recovered-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const put = (name: string, lines: readonly LogLine[]): void =>
    writeFileSync(join(folder, name), Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])));
  put('a.jsonl', before);
  put('b.jsonl', next);
  if (manifest !== undefined) writeFileSync(join(folder, 'b.jsonl.manifest.json'), `${JSON.stringify(manifest)}\n`);
  const paths = ['a.jsonl', 'b.jsonl'].map((name) => join(folder, name));
  const { verdict, findings } = await verify({ paths, origin, publicKeys });
  return [verdict, ...findings.map(({ code, seq }) => `${code} ${seq}`)];
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8, 12])('the file before has %i entries more', (lost) => {
  const { before, next, manifest } = crashed(lost);

  it('the next one is whole, and has its manifest', async () => {
    expect(await judged(before, next, manifest)).toEqual(['undecided', 'ABANDONED_UNPROVEN 8', 'RESTART 8']);
  });

  it('its manifest says another end', async () => {
    const [verdict, ...codes] = await judged(before, next, { ...manifest, last_seq: 13 });
    expect([verdict, codes.some((code) => code.startsWith('MANIFEST_WRONG'))]).toEqual(['tampered', true]);
  });

  it.each([10, 11, 13])('entry %i was removed', async (seq) => {
    const rest = next.filter((line) => line.seq !== seq);
    expect(rest).toHaveLength(next.length - 1);
    const [verdict, ...codes] = await judged(before, rest);
    expect([verdict, codes]).toEqual(['tampered', expect.arrayContaining([`ENTRIES_MISSING ${seq}`])]);
  });
});
