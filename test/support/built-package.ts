import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

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
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Compiles src/ as the package is, in about a second. */
export async function buildPackage(): Promise<BuiltPackage> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'built-package-')));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const config = join(root, 'tsconfig.build.json');
  await promisify(execFile)(tsc, ['-p', config, '--outDir', join(directory, 'dist')]);
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(root, 'node_modules', name)), link);
  }
  return {
    directory,
    run: (argv, options = {}) => runProgram(join(directory, options.program ?? 'dist/cli/main.js'), argv, options),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** Writes a program file next to the package, which imports it as `./dist/index.js`. */
export function writeProgram(built: BuiltPackage, name: string, text: string): string {
  writeFileSync(join(built.directory, name), text);
  return name;
}

function runProgram(program: string, argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const env = { PATH: process.env['PATH'] ?? '', ...options.env };
  const child = spawn(process.execPath, [program, ...argv], { env, cwd: options.cwd ?? tmpdir() });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
