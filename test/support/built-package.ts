import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../../scripts/build/package/compile.mjs';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = toolCache();

/** The package compiled into a directory of its own, with its dependencies and without the optional ones. */
export interface BuiltPackage {
  readonly directory: string;
  /** Runs the command line, or another program file, as a process. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  remove(): void;
}

export interface RunOptions {
  /** A file below the directory. Default: the command line. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Another Node.js. Default: that of the tests. */
  readonly node?: string;
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Compiles src/ as the package is, once for each state of it. All share one copy, which nobody changes, but for those that
 * ask for their `own`, to install something beside it. `complete`: with the optional dependencies too.
 */
export async function buildPackage({
  own = false,
  complete = false,
}: {
  readonly own?: boolean;
  readonly complete?: boolean;
} = {}): Promise<BuiltPackage> {
  const directory = realpathSync(mkdtempSync(join(apartDirectory(), 'built-package-')));
  if (own) await install(directory);
  else {
    const shared = await sharedPackage(complete);
    for (const name of ['dist', 'package.json']) symlinkSync(join(shared, name), join(directory, name));
  }
  return {
    directory,
    run: (argv, options = {}) => runProgram(join(directory, options.program ?? 'dist/cli/main.js'), argv, options),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

async function sharedPackage(complete: boolean): Promise<string> {
  const directory = join(
    apartDirectory(),
    `${basename(await compiledPackage())}-${complete ? 'complete' : 'installed'}`,
  );
  if (existsSync(directory)) return directory;
  const making = mkdtempSync(`${directory}-`);
  await install(making, complete);
  moveUnlessThere(making, directory);
  return directory;
}

async function install(directory: string, complete = false): Promise<void> {
  cpSync(await compiledPackage(), join(directory, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys({ ...dependencies, ...(complete && peerDependencies) })) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(root, 'node_modules', name)), link);
  }
}

/** Another test file may have been faster. */
function moveUnlessThere(making: string, directory: string): void {
  try {
    renameSync(making, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
    rmSync(making, { recursive: true });
  }
}

/** A directory that no node_modules stands above: from there only the package's own dependencies can be found. */
function apartDirectory(): string {
  mkdirSync(cache, { recursive: true });
  const found = [tmpdir(), cache].find((start) => {
    for (let path = realpathSync(start); ; path = dirname(path)) {
      if (existsSync(join(path, 'node_modules'))) return false;
      if (path === dirname(path)) return true;
    }
  });
  if (found === undefined) throw new Error(`a node_modules stands above ${tmpdir()} and above ${cache}`);
  return found;
}

/** The compiled form of src/ as it is now, made once for each state of it. */
export async function compiledPackage(): Promise<string> {
  const key = createHash('sha256').update(readFileSync(join(root, 'tsconfig.build.json')));
  for (const folder of ['src', 'scripts/build/package']) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.m?[jt]s$/.test(name),
    );
    for (const name of files.sort()) key.update(`\n${name}\n`).update(readFileSync(join(root, folder, name)));
  }
  const dist = join(cache, `dist-${key.digest('hex').slice(0, 16)}`);
  if (existsSync(dist)) {
    utimesSync(dist, new Date(), new Date()); // in use: nobody removes it
    return dist;
  }
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(`${dist}-`);
  await compile(making);
  moveUnlessThere(making, dist);
  removeOld(dist);
  return dist;
}

/** Removes what was compiled from other states of src/ and not used for a day: other trees have theirs here too. */
function removeOld(current: string): void {
  for (const name of readdirSync(cache).filter((one) => one.startsWith('dist-'))) {
    const path = join(cache, name);
    const used = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (path !== current && Date.now() - used > 86_400_000) rmSync(path, { recursive: true, force: true });
  }
}

/** Writes a program file next to the package, which imports it as `./dist/index.js`. */
export function writeProgram(built: BuiltPackage, name: string, text: string): string {
  writeFileSync(join(built.directory, name), text);
  return name;
}

function runProgram(program: string, argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const env = { PATH: process.env['PATH'] ?? '', ...options.env };
  const child = spawn(options.node ?? process.execPath, [program, ...argv], { env, cwd: options.cwd ?? tmpdir() });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error); // a program need not read all of its input
    });
    child.stdin.end(options.input ?? '');
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
