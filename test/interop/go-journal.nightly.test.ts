import { spawnSync } from 'node:child_process';
import { beforeAll, expect, it } from 'vitest';
import { makeScene } from '../journal/scene.ts';
import { goProgram } from '../support/registry-tools.ts';

/** github.com/transparency-dev/merkle v0.0.2 accepts the bucket of every stream proof (J3.4), and refuses one that was changed. */

let binary = '';

beforeAll(() => {
  binary = goProgram('go-journal');
}, 300_000);

const ask = (input: string): string => spawnSync(binary, [], { input, encoding: 'utf8' }).stdout.trim();

it.each([1, 2, 20, 257])('transparency-dev/merkle checks the proofs of a night of %i streams', async (streams) => {
  const scene = await makeScene();
  for (let at = 0; at < streams; at++) scene.ship(`s${at}`, 1);
  expect((await scene.audit()).code).toBe(0);
  for (const name of ['fleet/s0', `fleet/s${streams - 1}`, 'fleet/nobody', 'fleet/else', 'auditor/journal']) {
    const { stdout } = await scene.prove(name);
    expect([name, ask(stdout)]).toEqual([name, 'ok']);
    const other = (one: string): string => (one === 'A' ? 'B' : 'A');
    expect(ask(stdout.replace(/.(?=\S{43}\n$)/, other))).not.toBe('ok'); // the last hash of its path
    const spoiled = stdout.replace(/^(\S{43}= )(.)/m, (_, key, one) => `${key}${other(one)}`);
    if (spoiled !== stdout) expect(ask(spoiled)).not.toBe('ok'); // its bucket may be empty
    if (stdout.includes('\nentry ')) expect(ask(stdout.replace('"state":"ok"', '"state":"absent"'))).not.toBe('ok');
  }
});
