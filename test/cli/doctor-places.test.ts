import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type CommandResult, runHere } from '../support/command-line.ts';

/** `doctor` says of places and of what lies there what a start says. */

const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const ORIGIN = 'doctor.example.com/a';

class Place {
  readonly cwd: string = mkdtempSync(join(tmpdir(), 'doctor-places-'));

  at(...names: string[]): string {
    return join(this.cwd, ...names);
  }

  /** Options that the next commands have besides. */
  options: readonly string[] = [];

  async run(
    command: string,
    file: string,
    stateDir: string,
    origin = ORIGIN,
    input = 'line\n',
  ): Promise<CommandResult> {
    const options = ['--file', file, '--state-dir', stateDir, '--origin', origin];
    return runHere([command, ...options, ...this.options], { cwd: this.cwd, env, input });
  }

  /** From now on a key in a file signs. */
  async signing(): Promise<void> {
    await runHere(['keygen', '--out', 'sign.key', '--algorithm', 'Ed25519'], { cwd: this.cwd });
    this.options = ['--key-source', 'file', '--key-file-path', 'sign.key', '--algorithm', 'Ed25519'];
  }

  async sealed(origin = ORIGIN): Promise<void> {
    await this.run('seal', 'a.jsonl', 'state', origin);
  }
}

const without = async (place: Place): Promise<void> => {
  await place.sealed();
  rmSync(place.at('state'), { recursive: true });
};

/** Each file is a stream of its own, and there are two or more. */
async function chained(place: Place): Promise<void> {
  place.options = ['--rotate-chain', '--rotate-max-bytes', '3000'];
  await place.run('seal', 'a.jsonl', 'state', ORIGIN, 'line\n'.repeat(60));
}

type Row = [string, 0 | 1 | 64, string, string, (place: Place) => unknown];

it.each<Row>([
  ['nothing is there', 0, 'a.jsonl', 'state', () => undefined],
  ['the directory of the log is not there', 0, 'n/e/w/a.jsonl', 'state', () => undefined],
  ['the log goes on', 0, 'a.jsonl', 'state', (place) => place.sealed()],
  ['its state is lost', 0, 'a.jsonl', 'state', without],
  [
    'the log has two names',
    0,
    'a.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      linkSync(place.at('a.jsonl'), place.at('b.jsonl'));
    },
  ],
  ['the log is a directory', 1, 'a.jsonl', 'state', (place) => mkdirSync(place.at('a.jsonl'))],
  [
    'the log is a link',
    1,
    'a.jsonl',
    'state',
    (place) => {
      writeFileSync(place.at('b'), '');
      symlinkSync(place.at('b'), place.at('a.jsonl'));
    },
  ],
  ['the log is a link to nothing', 1, 'a.jsonl', 'state', (place) => symlinkSync('nowhere', place.at('a.jsonl'))],
  ['a part of the path is a file', 1, 'b/a.jsonl', 'state', (place) => writeFileSync(place.at('b'), '')],
  ['the name of the log is too long', 64, `${'x'.repeat(300)}.jsonl`, 'state', () => undefined],
  ['the state directory is a file', 1, 'a.jsonl', 'state', (place) => writeFileSync(place.at('state'), '')],
  ['a part of the path of the state is a file', 1, 'a.jsonl', 'b/s', (place) => writeFileSync(place.at('b'), '')],
  [
    'others may write to the state directory',
    1,
    'a.jsonl',
    'state',
    (place) => {
      mkdirSync(place.at('state'));
      chmodSync(place.at('state'), 0o777);
    },
  ],
  [
    'there are lines that were never sealed',
    1,
    'a.jsonl',
    'state',
    (place) => writeFileSync(place.at('a.jsonl'), 'raw\n'),
  ],
  ['the log is that of another stream', 1, 'a.jsonl', 'other', (place) => place.sealed('doctor.example.com/b')],
  [
    'the log was cut',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      truncateSync(place.at('a.jsonl'), 100);
    },
  ],
  [
    'the log is gone',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      rmSync(place.at('a.jsonl'));
    },
  ],
  [
    'the state is none',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      for (const name of readdirSync(place.at('state'))) writeFileSync(place.at('state', name), 'none\n');
    },
  ],
  [
    'the stream was written to another file, and raw lines are in this one',
    1,
    'b.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      writeFileSync(place.at('b.jsonl'), 'raw\n');
    },
  ],
  [
    'the stream was written to another file, and this one is empty',
    0,
    'b.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      writeFileSync(place.at('b.jsonl'), '');
    },
  ],
  [
    'MACs would become checksums',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await place.sealed();
      await place.signing();
    },
  ],
  [
    'checkpoints would no longer be signed',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await place.signing();
      await place.sealed();
      place.options = [];
    },
  ],
  [
    'the same key signs on',
    0,
    'a.jsonl',
    'state',
    async (place) => {
      await place.signing();
      await place.sealed();
    },
  ],
  ['a chain goes on', 0, 'a.jsonl', 'state', chained],
  [
    'the file of a chain is gone',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await chained(place);
      rmSync(place.at('a.jsonl'));
    },
  ],
  [
    'the newest state of a chain is gone',
    1,
    'a.jsonl',
    'state',
    async (place) => {
      await chained(place);
      const states = readdirSync(place.at('state')).filter((name) => name.endsWith('.chainstate'));
      const first = `${createHash('sha256').update(ORIGIN).digest('hex')}.chainstate`;
      for (const name of states) if (name !== first) rmSync(place.at('state', name));
    },
  ],
  ...(process.platform === 'linux'
    ? ([
        ['the state would be in /proc', 1, 'a.jsonl', '/proc/state', () => undefined],
        ['the log would be in /proc', 1, '/proc/a.jsonl', 'state', () => undefined],
        ['the state would be in /sys', 1, 'a.jsonl', '/sys/state', () => undefined],
      ] satisfies Row[])
    : []),
])('doctor and seal agree where %s', async (_what, expected, file, stateDir, prepare) => {
  const place = new Place();
  onTestFinished(() => rmSync(place.cwd, { recursive: true }));
  await prepare(place);
  const before = readdirSync(place.cwd, { recursive: true }).map(String).sort();
  const doctor = await place.run('doctor', file, stateDir);
  expect(readdirSync(place.cwd, { recursive: true }).map(String).sort()).toEqual(before);
  expect(doctor.code, doctor.stdout).toBe(expected);
  const seal = await place.run('seal', file, stateDir);
  expect(seal.code === 0, seal.stderr).toBe(expected === 0);
});
