import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { root } from '../../scripts/lib/run.mjs';

/** Paths of what is in the tarball. */
export const packedFiles = () => packed().files;

/** The tarball itself. */
export const packedTarball = () => packed().tarball;

function packed() {
  const found = process.env.FAPILOG_TAMPER_PACKED;
  if (found === undefined) throw new Error('nothing is packed: npm run check -- dist FILE');
  return JSON.parse(found);
}

/** A user's project in a folder of its own, in which nothing but the tarball is installed. Removed after the tests. */
export class Project {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-project-'));

  constructor() {
    cpSync(packed().folder, this.folder, { recursive: true, verbatimSymlinks: true });
    after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** A new folder outside the project, removed with it. */
  folderElsewhere() {
    const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-elsewhere-'));
    after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  path(...names) {
    return join(this.folder, ...names);
  }

  write(file, text) {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  read(file) {
    return readFileSync(this.path(file), 'utf8');
  }

  /** Writes the code of docs/bundling.md that has this file name, as a reader would. */
  writeDocumented(file) {
    const page = readFileSync(join(root, 'docs/bundling.md'), 'utf8');
    const blocks = [...page.matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)];
    const found = blocks.find(([, name]) => name === file);
    assert.ok(found, `docs/bundling.md has no ${file}`);
    this.write(file, found[2]);
  }

  /** Makes packages of ours available, with what they need: the versions that package-lock.json names. */
  link(...names) {
    for (const name of names) {
      mkdirSync(dirname(this.path('node_modules', name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), this.path('node_modules', name), 'junction');
    }
  }

  /** Runs a program of Node.js in the folder. */
  run(args, options = {}) {
    // What the test runner tells its own children would make a program report to it.
    const { NODE_TEST_CONTEXT: _, FAPILOG_TAMPER_PACKED: __, ...env } = process.env;
    const { cwd = this.folder, ...more } = options;
    return spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 60_000,
      input: '',
      ...more,
      cwd,
      env: { ...env, ...options.env },
    });
  }

  /** Runs the command of the package. */
  command(args, options) {
    return this.run([this.path('node_modules', '.bin', 'fapilog-tamper'), ...args], options);
  }

  /** Runs a program text, which prints one JSON value and nothing on standard error. */
  evaluate(file, text) {
    this.write(file, text);
    const result = this.run([file]);
    assert.equal(result.status, 0, result.stderr);
    assert.equal(result.stderr, '', 'nothing on standard error');
    return JSON.parse(result.stdout);
  }
}

/** A function that an application may have: seals a line with a local key and resolves to the verdict on it. */
export const sealAndVerify = `async function sealAndVerify(folder) {
  const origin = 'audit.example.com/project';
  const file = folder + '/audit.jsonl';
  const keyFilePath = folder + '/audit.key';
  await generateKeyFile(keyFilePath, 'HMAC-SHA256');
  const sealer = createSealer({ file, origin, keySource: 'file', keyFilePath, stateDir: folder + '/state' });
  sealer.write('{"msg":"paid"}');
  await sealer.flush();
  await sealer.close();
  const report = await verify({ paths: [file], origin, keys: auditorKeys({ dataKeyFiles: [keyFilePath] }) });
  return report.verdict;
}
`;
