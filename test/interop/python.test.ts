import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** A second verifier in Python, from the text of the specification alone, on every vector. */

const script = fileURLToPath(new URL('./python/verify.py', import.meta.url));
const folder = fileURLToPath(new URL('../../vectors/v1/', import.meta.url));

/** What it does not implement, by the members of a vector or by name; everything else must agree. */
const LEFT_OUT = /^(live|until|held|part|accept|policy|service_keys|max_bytes)$/;

describe('python', () => {
  it('a second verifier agrees with the verdict on every vector that it implements', () => {
    const names = readdirSync(folder).filter(
      (name) => /(?<!\.manifest)\.json$/.test(name) && !name.startsWith('unit-'),
    );
    const paths = names.map((name) => folder + name);
    const { stdout, stderr, status } = spawnSync('python3', [script, ...paths], {
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const judged = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, 0 | 1 | 2 | null]);
    expect(judged).toHaveLength(names.length);
    const verdicts = judged.filter(([, verdict]) => verdict !== null);
    const expected = verdicts.map(([name]) => [
      name,
      JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')).verdict,
    ]);
    expect(verdicts).toEqual(expected);
    expect(verdicts.length).toBeGreaterThanOrEqual(130);
    const plain = judged.filter(([name]) => {
      const vector = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')) as Record<string, unknown>;
      return !Object.keys(vector).some((member) => LEFT_OUT.test(member));
    });
    const notJudged = plain.filter(([, verdict]) => verdict === null).map(([name]) => name);
    // adoption, abandoned tails, later versions, damaged files, manifests, ranges without their first file
    expect(notJudged.length).toBeLessThanOrEqual(plain.length / 5);
  }, 120_000);
});
