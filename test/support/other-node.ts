import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const versions = { 20: '20.20.2', 24: '24.21.0' } as const;

/** A Node.js of this major version: the one that runs the tests, or one from the registry, kept outside the tree. */
export async function nodeOf(major: keyof typeof versions): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const { XDG_CACHE_HOME } = process.env;
  const cache = join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'fapilog-tamper-test');
  const directory = join(cache, `node-${versions[major]}`);
  const name = `node-${process.platform}-${process.arch}`; // the binary alone, without an install script
  const program = join(directory, 'node_modules', name, 'bin', 'node');
  if (existsSync(program)) return program;
  const own = `${directory}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'package.json'), '{"private":true}\n');
  await run('npm', ['install', '--no-audit', '--no-fund', `${name}@${versions[major]}`], { cwd: own });
  try {
    renameSync(own, directory);
  } catch (error) {
    if (!existsSync(program)) throw error; // else another process was faster
    rmSync(own, { recursive: true });
  }
  return program;
}
