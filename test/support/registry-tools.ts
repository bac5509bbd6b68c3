import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import { installed } from './installed.ts';

const run = promisify(execFile);
/** A registry that says nothing any more is an error, with the command's name; in milliseconds. */
const timeout = 900_000;

/** A go that is older than a module demands fetches the one that it names. */
const goEnv = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ ...process.env, ...more, GOTOOLCHAIN: 'auto' });

/** The Go program in this folder of `test/interop/`, built; go knows what is new. @returns the path of its binary */
export function goProgram(name: string): string {
  const cwd = fileURLToPath(new URL(`../interop/${name}/`, import.meta.url));
  const folder = join(toolCache(), 'go-programs');
  mkdirSync(folder, { recursive: true });
  const binary = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
  const built = spawnSync('go', ['build', '-o', binary, '.'], { cwd, env: goEnv(), encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`go build failed: ${built.error?.message ?? built.stderr}`);
  return binary;
}

/** A command of a Go module, built from `PATH@VERSION` unless it was. @returns the path of its binary */
export async function goTool(path: string, version: string): Promise<string> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const place = await installed(`go-${name}-${version}`, `${path}@${version}`, (into) =>
    run('go', ['install', `${path}@${version}`], { env: goEnv({ GOBIN: into }), timeout }),
  );
  return join(place, name);
}

/** An npm package with its dependencies, without their install scripts. @returns the package's own folder */
export async function npmPackage(name: string, version: string): Promise<string> {
  const place = await installed(`npm-${name.replace('/', '-')}-${version}`, `${name}@${version}`, async (into) => {
    await writeFile(join(into, 'package.json'), '{"private":true}\n');
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts'];
    await run('npm', ['install', ...flags, `${name}@${version}`], { cwd: into, timeout });
  });
  return join(place, 'node_modules', name);
}

const nodeVersions = { 20: '20.20.2', 24: '24.21.0' } as const;

/** A Node.js of this major version: the one that runs the tests, or one from the registry. */
export async function nodeOf(major: keyof typeof nodeVersions): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const binary = `node-${process.platform}-${process.arch}`; // the binary alone
  return join(await npmPackage(binary, nodeVersions[major]), 'bin', 'node');
}
