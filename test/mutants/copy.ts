import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './candidates.ts';

const own = fileURLToPath(new URL('./', import.meta.url));
const checkout = fileURLToPath(new URL('../../', import.meta.url));
/** A mutant may loop forever. No file of unit tests says nothing for so long. */
const SILENCE_MS = 300_000;

export interface Outcome {
  /** Files of which a test failed, or which could not be loaded, or that the run was stopped in. */
  readonly failed: readonly string[];
}

/** The commit of a tree, checked out once more: mutants are put there. */
export class Copy {
  readonly commit: string;
  readonly scratch: string;
  readonly directory: string;
  readonly #tree: string;

  constructor(tree: string) {
    this.#tree = tree;
    this.commit = git(tree, 'rev-parse', 'HEAD').trim();
    this.scratch = realpathSync(mkdtempSync(join(tmpdir(), 'mutants-')));
    this.directory = join(this.scratch, 'copy');
    git(tree, 'worktree', 'add', '--detach', this.directory, this.commit);
    const modules = [tree, checkout].map((from) => join(from, 'node_modules')).find((path) => existsSync(path));
    if (modules === undefined) throw new Error('no node_modules: run npm ci first');
    symlinkSync(realpathSync(modules), join(this.directory, 'node_modules'));
    // what a mutant leaves unused is not what the tests are to notice
    const config = join(this.directory, 'tsconfig.json');
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll(/("noUnused\w+": )true/g, '$1false'));
    cpSync(own, join(this.directory, 'test/mutants'), { recursive: true });
  }

  remove(): void {
    rmSync(this.scratch, { recursive: true, force: true });
    git(this.#tree, 'worktree', 'prune');
  }

  /** Does something while the file is changed. */
  async with<T>({ file, start, end, by }: Mutant, act: () => Promise<T>): Promise<T> {
    const path = join(this.directory, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, start) + by + text.slice(end));
    try {
      return await act();
    } finally {
      writeFileSync(path, text);
    }
  }

  /** Runs test files in this order. `bail`: up to the first failure. */
  test(files: readonly string[], bail: boolean): Promise<Outcome> {
    const order = join(this.scratch, 'order');
    writeFileSync(order, files.join('\n'));
    return this.run({ MUTANTS_ORDER: order }, ['--maxWorkers=1', ...(bail ? ['--bail=1'] : [])]);
  }

  /** Runs vitest in a group of processes, which is ended if it is silent for too long. */
  async run(env: Readonly<Record<string, string>>, flags: readonly string[]): Promise<Outcome> {
    const report = join(this.scratch, 'report.json');
    rmSync(report, { force: true });
    const vitest = join(this.directory, 'node_modules/vitest/vitest.mjs');
    const named = ['--config', 'test/mutants/vitest.mjs', '--reporter=verbose', '--reporter=json'];
    const child = spawn(process.execPath, [vitest, 'run', ...named, `--outputFile.json=${report}`, ...flags], {
      cwd: this.directory,
      env: { ...process.env, ...env, NO_COLOR: '1', TMPDIR: this.scratch },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const end = () => process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
    process.prependOnceListener('exit', end); // before what it runs in is removed
    let said = '';
    const silence = setTimeout(end, SILENCE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-100_000);
        silence.refresh();
      });
    }
    await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(silence);
    process.removeListener('exit', end);
    if (!existsSync(report)) {
      if (child.signalCode === null) throw new Error(`vitest wrote no report:\n${said}`);
      const last = said.match(/test\/\S+\.test\.ts/g)?.at(-1);
      return { failed: [`endless, after ${last ?? 'nothing'}`] };
    }
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = testResults.filter((result: { status: string }) => result.status === 'failed');
    return { failed: failed.map(({ name }: { name: string }) => name.slice(this.directory.length + 1)) };
  }
}

function git(tree: string, ...args: string[]): string {
  return execFileSync('git', ['-C', tree, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
