import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed } from '../support/installed.ts';
import { folderOf } from './frozen-folder.ts';
import type { Run } from './playing.ts';

/** The command of a frozen version, and of changed copies of the one of today. */

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the command in a folder that has `dist/` and `package.json`. */
export const commandIn =
  (folder: string): Run =>
  (argv, { cwd, input = '', env = {} }) => {
    const child = spawn(process.execPath, [join(folder, 'dist/cli/main.js'), ...argv], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', FAPILOG_TAMPER_ENGINE: 'typescript', ...env },
    });
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        written[name] += text;
      });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.stdin.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') reject(error); // one that refuses need not read its input
      });
      child.on('close', (code) => resolve({ code, ...written }));
      child.stdin.end(input);
    });
  };

/**
 * The command as it was when a version was frozen, built once from the commit that wrote its files, with the dependencies of
 * this checkout. It needs that commit: a clone has all of them unless it is a shallow one.
 */
export async function frozenCommand(version: string): Promise<Run> {
  const commit = readFileSync(join(folderOf(version), 'COMMIT'), 'utf8').trim();
  const place = await installed(`compat-${commit}`, `${commit} 1`, async (into) => {
    const git = (...argv: string[]): Buffer =>
      execFileSync('git', argv, { cwd: root, maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
    const tar = git('archive', '--format=tar', commit, ...parts);
    execFileSync('tar', ['-x', '-C', into], { input: tar });
    symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'));
    const compile = `import('./scripts/build/package/compile.mjs').then(({ compile }) => compile('dist'))`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', compile], { cwd: into, stdio: 'pipe' });
  });
  return commandIn(place);
}

/** A changed copy of a compiled package, with the dependencies of this checkout. */
export function copyOf(dist: string, into: string): string {
  mkdirSync(into, { recursive: true });
  cpSync(dist, join(into, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(into, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'));
  return into;
}
