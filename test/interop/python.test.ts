import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { someOf } from '../support/tier.ts';
import { pythonForVerifier } from './differential/python.ts';

/** A second verifier in Python, from the text of the specification alone, on every vector and every sample. */

const script = fileURLToPath(new URL('./python/verify.py', import.meta.url));
const folder = fileURLToPath(new URL('../../vectors/v1/', import.meta.url));
const samples = fileURLToPath(new URL('../samples/', import.meta.url));

type Verdict = 0 | 1 | 2 | null;

/**
 * What it leaves out: signatures that only a key service can check, and auditors who name keys of ML-DSA, which its library
 * does not have. A log with such a signer it judges all the same, as one that it does not know (M2.8).
 */
const LEFT_OUT = [
  'key-service-signature',
  'kms-hmac-offline',
  'kms-hmac-wrong',
  'ml-dsa-44-text',
  'ml-dsa-44-time',
  'ml-dsa-44-time-beyond',
  'ml-dsa-44-time-last',
  'post-quantum-handover-forged',
  'post-quantum-missing',
  'post-quantum-restart-forged',
  'signature-wrong-ml-dsa',
  'valid-kms-hmac-sha256',
  'valid-ml-dsa-44',
  'valid-ml-dsa-65',
  'valid-post-quantum-demanded',
  'valid-post-quantum-renewed',
];

async function judged(paths: readonly string[]): Promise<[string, Verdict, string[]][]> {
  const python = await pythonForVerifier();
  const { stdout, stderr, status } = spawnSync(python, ['-B', script, ...paths], {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as [string, Verdict, string[]]);
}

const verdictOf = (path: string): Verdict => (JSON.parse(readFileSync(path, 'utf8')) as { verdict: Verdict }).verdict;

describe('python', () => {
  it('a second verifier agrees with the verdict on every vector but those of a key service', async () => {
    const all = readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !name.endsWith('.manifest.json') && !name.startsWith('unit-'))
      .map((name) => name.slice(0, -'.json'.length));
    expect(all.length).toBeGreaterThanOrEqual(186);
    const names = someOf(all, 4);
    const found = await judged(names.map((name) => `${folder}${name}.json`));
    const expected = names.map((name) => [name, LEFT_OUT.includes(name) ? null : verdictOf(`${folder}${name}.json`)]);
    expect(found.map(([name, verdict]) => [name, verdict])).toEqual(expected);
  }, 120_000);

  it('it agrees with the samples of another implementation', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'samples-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const names = readdirSync(samples).filter((name) => name.endsWith('.json'));
    for (const name of names) {
      const { accept_successors: successors, ...sample } = JSON.parse(readFileSync(samples + name, 'utf8')) as {
        accept_successors?: boolean;
        files: string[];
      };
      const files = sample.files.map((file) => samples + file);
      writeFileSync(
        join(directory, name),
        JSON.stringify({ ...sample, files, accept: { successors: successors ?? false } }),
      );
    }
    const found = await judged(names.map((name) => join(directory, name)));
    const otherwise = new Map<string, Verdict>([
      ['t43-file-missing', 2], // M8.24 has been amended since the samples were made
    ]);
    const expected = names.map((name) => {
      const short = name.slice(0, -'.json'.length);
      return [short, otherwise.get(short) ?? verdictOf(samples + name)];
    });
    expect(found.map(([name, verdict]) => [name, verdict])).toEqual(expected);
  }, 120_000);
});
