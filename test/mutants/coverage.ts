import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import type { Mutant } from './candidates.ts';
import type { Copy } from './copy.ts';

/** Which lines of src/ each file of unit tests runs. */

interface Covered {
  readonly test: string;
  /** CPU time, without that of the processes that it starts. */
  readonly seconds: number;
  readonly failed?: boolean;
  readonly lines: Readonly<Record<string, readonly number[]>>;
}

/** The map of a commit. */
export class Coverage {
  readonly #files: readonly Covered[];
  /** Fails without any mutant, also alone: says nothing about one. */
  readonly failing: readonly string[];

  private constructor({ files, failing }: { files: readonly Covered[]; failing: readonly string[] }) {
    this.#files = files;
    this.failing = failing;
  }

  /** What was measured of this commit is kept: it takes a run of all unit tests, which goes on if it was stopped. */
  static async of(copy: Copy): Promise<Coverage> {
    const cache = toolCache();
    const folder = join(cache, `lines-hit-${copy.commit}`);
    const whole = `${folder}.json`;
    if (!existsSync(whole)) {
      mkdirSync(folder, { recursive: true });
      console.log('The unit tests run once to see which lines each file covers');
      await copy.run({ MUTANTS_COVERAGE: folder }, ['--maxWorkers=2']);
      const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
      const files: Covered[] = names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
      const failed = files.filter((file) => file.failed).map(({ test }) => test);
      const failing = failed.length === 0 ? [] : (await copy.test(failed, false)).failed;
      writeFileSync(`${whole}.${process.pid}`, JSON.stringify({ files, failing }));
      renameSync(`${whole}.${process.pid}`, whole);
      rmSync(folder, { recursive: true });
    }
    return new Coverage(JSON.parse(readFileSync(whole, 'utf8')));
  }

  /** The test files that run a mutated line, nearest first: those of the same folders, then those that are over soon. */
  covering({ file, line, lastLine }: Mutant): string[] {
    const folders = dirname(file).split('/').slice(1);
    const shared = (test: string) => {
      const own = dirname(test).split('/').slice(1);
      const differs = folders.findIndex((folder, at) => folder !== own[at]);
      return differs < 0 ? folders.length : differs;
    };
    const covering = this.#files.filter(({ lines }) => lines[file]?.some((one) => one >= line && one <= lastLine));
    covering.sort((a, b) => shared(b.test) - shared(a.test) || a.seconds - b.seconds);
    return covering.map(({ test }) => test).filter((test) => !this.failing.includes(test));
  }

  /** Every other file. */
  rest(covering: readonly string[]): string[] {
    const others = this.#files.filter(({ test }) => !covering.includes(test) && !this.failing.includes(test));
    return others.sort((a, b) => a.seconds - b.seconds).map(({ test }) => test);
  }
}
