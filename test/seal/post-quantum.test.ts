import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatVkey, loadPolicy, type Policy, type SigningKey } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { notesIn, type ReadNote } from '../support/sealed-lines.ts';
import { audit, ORIGIN, read, sealedFiles, start, workplace } from './workplace.ts';

const vkeyOf = ({ algorithm, spki }: SigningKey): string =>
  formatVkey(ORIGIN, { algorithm, bytes: Buffer.from(spki ?? '') });

/** A policy that demands ML-DSA and names these keys. */
async function demanding(directory: string, ...keys: SigningKey[]): Promise<Policy> {
  const path = join(directory, 'policy.yaml');
  const named = keys.map((key) => `{ sign: "${vkeyOf(key)}" }`).join(', ');
  const stream = `{ origin: "${ORIGIN}", require: [post-quantum], keys: [${named}] }`;
  writeFileSync(path, `version: 1\nstreams:\n  - ${stream}\n`);
  return loadPolicy(path);
}

/** The notes of a file, in their order, with how many signatures each carries. */
const notesOf = (file: string): ReadNote[] => notesIn(readFileSync(file, 'utf8'));

const lengths = ({ signatures }: ReadNote): number[] => signatures.map(({ length }) => length);

describe('a key of ML-DSA beside the others', () => {
  const place = (algorithm: 'ml-dsa-44' | 'ml-dsa-65' = 'ml-dsa-65') => {
    const here = workplace(['audit', 'sign', 'third']);
    const postQuantum = new MemoryProvider({ keyIds: ['pq'], algorithm });
    const keys = { signingKeyId: 'sign', postQuantumKeyId: 'pq', postQuantumKeyProvider: postQuantum };
    return { ...here, postQuantum, options: () => ({ ...here.options(), ...keys }) };
  };

  it.each(['ml-dsa-44', 'ml-dsa-65'] as const)(
    'signs every checkpoint (%s), and a policy can demand it',
    async (algorithm) => {
      const { directory, file, options, provider, postQuantum } = place(algorithm);
      for (const run of [1, 2]) {
        const sealer = start({ ...options(), checkpointMaxRecords: 2 });
        for (let line = 0; line < 5; line++) sealer.write(`run ${run}, line ${line}\n`);
        await sealer.close();
      }
      const bytes = { 'ml-dsa-44': 8 + 2420, 'ml-dsa-65': 3309 }[algorithm];
      const notes = notesOf(file);
      expect(notes.length).toBeGreaterThan(3);
      for (const note of notes) expect(lengths(note)).toEqual([64, bytes, 32]);
      expect((await read(sealedFiles(directory), provider)).checkpoints.every(({ signed, mac }) => signed && mac)).toBe(
        true,
      );
      const [ed, pq] = [await provider.getSigningKey('sign'), await postQuantum.getSigningKey('pq')];
      for (const named of [[ed, pq], [pq]]) {
        const demanded = await audit(directory, provider, {
          publicKeys: [],
          policy: await demanding(directory, ...named),
        });
        expect(demanded).toMatchObject({ verdict: 'ok', findings: expect.not.arrayContaining(['UNSIGNED']) });
      }
      const without = await audit(directory, provider, { publicKeys: [], policy: await demanding(directory, ed) });
      expect(without.verdict).toBe('undecided');
      expect(without.findings.map(({ code }) => code)).toContain('UNSIGNED');
    },
  );

  it('follows its rotation, and that of the others, with a hand-over that both sign', async () => {
    const { directory, file, options, provider, postQuantum } = place();
    const sealer = start({ ...options(), keyCacheTtlSeconds: 1, checkpointMaxRecords: 2 });
    sealer.write('1\n');
    await sealer.ready;
    const before = await postQuantum.getSigningKey('pq');
    const ed = await provider.getSigningKey('sign');
    const handedOver = once(sealer, 'handover');
    postQuantum.rotate('pq');
    await handedOver;
    sealer.write('2\n');
    await sealer.close();
    const after = await postQuantum.getSigningKey('pq');
    expect(after.identity).not.toBe(before.identity);
    expect(readFileSync(file, 'utf8')).toContain(after.identity);
    expect(notesOf(file).some((note) => lengths(note).filter((length) => length === 3309).length === 2)).toBe(true);
    const report = await audit(directory, provider, {
      publicKeys: [],
      policy: await demanding(directory, ed, before, after),
    });
    expect(report.verdict).toBe('ok');
  });

  it('while its service is away the others sign, and the full note follows', async () => {
    const { directory, file, options, provider, postQuantum } = place();
    const sealer = start({ ...options(), checkpointMaxRecords: 2 });
    sealer.on('warning', () => undefined);
    sealer.write('1\n');
    await sealer.ready;
    postQuantum.faults.decide((operation) => (operation === 'sign' ? 'UNAVAILABLE' : undefined));
    sealer.write('2\n');
    sealer.write('3\n');
    const has = (...wanted: number[]): boolean =>
      notesOf(file).some((note) => String(lengths(note)) === String(wanted));
    await expect.poll(() => has(64, 32)).toBe(true);
    const partial = notesOf(file).find((note) => String(lengths(note)) === '64,32');
    expect(partial).toBeDefined();
    postQuantum.faults.heal();
    await sealer.close();
    expect(notesOf(file).some((note) => note.size >= (partial?.size ?? 0) && lengths(note).length === 3)).toBe(true);
    const [ed, pq] = [await provider.getSigningKey('sign'), await postQuantum.getSigningKey('pq')];
    const report = await audit(directory, provider, { publicKeys: [], policy: await demanding(directory, ed, pq) });
    expect(report.verdict).toBe('ok');
  });

  it('a log whose ML-DSA key never came back is undecided where it is demanded, ok where it is not', async () => {
    const { directory, file, options, provider, postQuantum } = place();
    const sealer = start(options());
    sealer.on('warning', () => undefined);
    await sealer.ready;
    await expect.poll(() => notesOf(file).length).toBeGreaterThan(0);
    postQuantum.faults.decide((operation) => (operation === 'sign' ? 'ACCESS_DENIED' : undefined));
    sealer.write('1\n');
    await sealer.close();
    const [ed, pq] = [await provider.getSigningKey('sign'), await postQuantum.getSigningKey('pq')];
    const report = await audit(directory, provider, { publicKeys: [], policy: await demanding(directory, ed, pq) });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ message }) => message).join()).toContain('post-quantum');
    expect((await audit(directory, provider, { publicKeys: [vkeyOf(ed), vkeyOf(pq)] })).verdict).toBe('ok');
  });

  it('signs alone beside a data key', async () => {
    const { directory, file, options, provider, postQuantum } = place();
    const { signingKeyId: _, ...alone } = options();
    const sealer = start(alone);
    sealer.write('1\n');
    await sealer.close();
    for (const note of notesOf(file)) expect(lengths(note)).toEqual([3309, 32]);
    const pq = await postQuantum.getSigningKey('pq');
    expect((await audit(directory, provider, { publicKeys: [], policy: await demanding(directory, pq) })).verdict).toBe(
      'ok',
    );
  });

  it('is refused where it is another kind of key', async () => {
    const { options, provider } = place();
    const sealer = start({
      ...options(),
      postQuantumKeyProvider: provider,
      postQuantumKeyId: 'third',
    });
    const failed = new Promise((resolve) => sealer.once('error', resolve));
    sealer.write('1\n');
    expect(await failed).toMatchObject({
      code: 'KEY_WRONG_USAGE',
      message: expect.stringContaining('post_quantum_key_id'),
    });
  });

  it('M1.8: leaves room in the longest lines for a hand-over between two keys of each kind', async () => {
    const { file, options } = place();
    const sealer = start({ ...options(), origin: `${ORIGIN}/${'x'.repeat(255 - ORIGIN.length - 1)}` });
    sealer.write('1\n');
    await sealer.close();
    const longest = Math.max(
      ...readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.length),
    );
    expect(longest).toBeGreaterThan(4420);
    expect(2 * longest).toBeLessThan(16_000);
  });
});
