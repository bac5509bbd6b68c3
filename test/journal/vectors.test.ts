import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import vectors from '../../vectors/v1/unit-journal.json' with { type: 'json' };
import { type Entry, rootOf } from './reader.ts';
import { makeScene, type Scene } from './scene.ts';

/** The vectors of spec/journal.md: a reader of its text finds the same roots, and the command the same entries (J3.1 to J3.4). */

it('each list has the root that its text gives (J1.3, J1.4)', () => {
  for (const { list, streams, bits, root } of vectors.lists) {
    const lines = list.split('\n').slice(0, -1);
    expect([lines.length, rootOf(lines)]).toEqual([streams, { bits, root }]);
  }
  expect(readFileSync('spec/journal.md', 'utf8')).toContain(vectors.lists[0]?.list);
});

async function verdictOf(
  scene: Scene,
  proof: string,
): Promise<{ verdict: string; night?: string; entry?: object; codes: string[] }> {
  scene.write('one.stream-proof', proof);
  const { stdout } = await scene.run([
    'verify',
    'one.stream-proof',
    '--origin',
    vectors.journal,
    '--public-key',
    'vector.pub',
    '--format',
    'json',
  ]);
  const [one] = JSON.parse(stdout).streamProofs;
  return { ...one, codes: one.findings.map(({ code }: { code: string }) => code) };
}

it('each proof is ok, and says what its list says', async () => {
  const scene = await makeScene();
  scene.write('vector.pub', `${vectors.vkey}\n`);
  for (const { stream, entry, proof } of vectors.proofs) {
    const { verdict, night, entry: said } = await verdictOf(scene, proof);
    const { size, root, ...rest } = (entry === null ? {} : JSON.parse(entry)) as Entry;
    const expected = entry === null ? undefined : { ...rest, ...(size !== undefined && { head: { size, root } }) };
    expect([stream, verdict, night, said]).toEqual([stream, 'ok', vectors.night, expected]);
  }
});

it('the record of a proof is one with which a night ends (J1.2, J3.2), not the one with which it begins (J1.1)', async () => {
  const scene = await makeScene();
  scene.write('vector.pub', `${vectors.vkey}\n`);
  scene.ship('a', 1);
  await scene.audit();
  const begun =
    /^\{"journal":1.*"begins":true.*"integrity":\{"seq":(\d+)/m.exec(String(scene.read('journal.jsonl')))?.[1] ?? '';
  const key = ['--origin', 'auditor/journal', '--public-key', 'journal.key.pub'];
  const { stdout } = await scene.run(['prove', 'journal.jsonl', '--seq', begun, ...key]);
  const { stdout: own } = await scene.prove('fleet/a');
  const [, , , part = ''] = own.split('\n\n');
  scene.write('begun.stream-proof', `${stdout}\n${part}`);
  expect((await scene.verify(['begun.stream-proof']))[0]).toMatchObject({
    verdict: 'tampered',
    codes: ['RECORD_WRONG'],
  });
});
