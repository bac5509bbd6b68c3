// The verifier as one executable: run where there is no Node.js, no PATH and no other file.
import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildExecutable } from '../../scripts/build/offline/executable.mjs';
import { vectorInputs, vectorNames } from '../support/vector-inputs.mjs';
import { Project } from './project.mjs';

const project = new Project();
const place = project.folderElsewhere();
const name = await buildExecutable(place);
const program = join(place, name);

function runAlone(args, cwd = place) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env: {}, encoding: 'utf8', input: '' });
  return { status, stdout, stderr };
}

test('every tenth vector gets its verdict, and the report of the package', () => {
  const base = project.folderElsewhere();
  const codes = new Set();
  for (const vector of vectorNames().filter((_, at) => at % 10 === 0)) {
    const cwd = join(base, vector);
    const { args, expected } = vectorInputs(vector, cwd);
    const given = runAlone([...args, '--format', 'json'], cwd);
    const { status, stdout, stderr } = project.command(['verify', ...args, '--format', 'json'], { cwd });
    assert.deepEqual(given, { status, stdout, stderr }, vector);
    if (expected !== undefined) assert.equal(given.status, expected, vector);
    codes.add(given.status);
  }
  assert.deepEqual([...codes].sort(), [0, 1, 2]);
});

test('its help says how it is called, and wrong usage exits with 64', () => {
  assert.match(runAlone(['--help']).stdout, /^usage: fapilog-tamper-verify PATH/);
  assert.equal(runAlone(['--no-such-flag']).status, 64);
});

test('it starts itself for the parts of a large log', async () => {
  const log = join(place, 'parts.jsonl');
  writeFileSync(log, '');
  const child = fork('', ['--check-segments'], {
    execPath: program,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', openSync(log)],
    serialization: 'advanced',
    env: {},
  });
  const ended = once(child, 'exit');
  child.send({ id: 7, from: 0, to: 100, keys: [] });
  const [answer] = await Promise.race([once(child, 'message'), ended]);
  child.disconnect();
  await ended;
  assert.deepEqual(answer, { id: 7, runs: [] });
});

test('it runs nothing that NODE_OPTIONS names and goes on: it ignores it, or refuses and says why', () => {
  writeFileSync(join(place, 'other.cjs'), 'process.exitCode = 3;');
  for (const NODE_OPTIONS of ['--no-warnings', '--require ./other.cjs']) {
    const { status, stderr } = spawnSync(program, ['--version'], {
      cwd: place,
      env: { NODE_OPTIONS },
      encoding: 'utf8',
    });
    if (status !== 0) assert.deepEqual([status, /USAGE: NODE_OPTIONS is set/.test(stderr)], [64, true]);
  }
  assert.equal(spawnSync(program, ['--version'], { env: { NODE_OPTIONS: '' } }).status, 0);
});

test('the same sources give the same bytes', async () => {
  const again = project.folderElsewhere();
  await buildExecutable(again);
  assert.equal(readFileSync(join(again, 'SHA256SUMS'), 'utf8'), readFileSync(join(place, 'SHA256SUMS'), 'utf8'));
});

test('SHA256SUMS has its digest, and so do its version and its reports', () => {
  const digest = createHash('sha256').update(readFileSync(program)).digest('hex');
  assert.match(runAlone(['--version', '--verbose']).stdout, new RegExp(`^SHA-256 of this file: ${digest}$`, 'm'));
  assert.equal(readFileSync(join(place, 'SHA256SUMS'), 'utf8'), `${digest}  ${name}\n`);
});
