// npm run check -- runtimes [NAME…]: the packed tarball seals, signs and verifies in other runtimes than ours: Node.js 20 to 26,
// Bun and Deno, each from its npm package, kept outside the tree.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installInto, pack } from '../lib/packed.mjs';
import { report } from '../lib/run.mjs';
import { toolCache } from '../lib/tool-cache.mjs';

const os = process.platform === 'win32' ? 'win' : process.platform;
const exe = process.platform === 'win32' ? '.exe' : '';

/** Each by the package that holds its program alone: the launchers fetch theirs in an install script, and we run none. */
const RUNTIMES = {
  ...Object.fromEntries(
    ['20.20.2', '22.21.1', '24.21.0', '26.12.1'].map((version) => [
      `node-${version.slice(0, 2)}`,
      { package: `node-${os}-${process.arch}`, version, program: `bin/node${exe}`, args: [] },
    ]),
  ),
  bun: {
    package: `@oven/bun-${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch === 'arm64' ? 'aarch64' : 'x64'}`,
    version: '1.4.5',
    program: `bin/bun${exe}`,
    args: ['run'],
  },
  deno: {
    package: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`,
    version: '2.9.6',
    program: `deno${exe}`,
    args: ['run', '--allow-all', '--node-modules-dir=manual'],
  },
};

/** What a user does first: a key, a sealed log in each mode, its verdict, and that of an altered copy. */
const PROGRAM = `
import { readFileSync, writeFileSync } from 'node:fs';
import { auditorKeys, createSealer, generateKeyFile, verify } from 'fapilog-tamper';
const origin = 'audit.example.com/runtimes';
const modes = [
  ['mac', { keySource: 'file', keyFilePath: 'data.key' }, { dataKeyFiles: ['data.key'] }],
  ['signed', { keySource: 'file', keyFilePath: 'signing.key', algorithm: 'Ed25519' }, { publicKeyFiles: ['signing.key.pub'] }],
];
await generateKeyFile('data.key', 'HMAC-SHA256');
await generateKeyFile('signing.key', 'Ed25519');
for (const [name, keys, held] of modes) {
  const file = name + '.jsonl';
  const sealer = createSealer({ file, origin, stateDir: name + '.state', ...keys });
  for (let i = 0; i < 100; i++) sealer.write(JSON.stringify({ i, amount: 120 }));
  await sealer.close();
  const verdictOf = async (path) => (await verify({ paths: [path], origin, keys: auditorKeys(held) })).verdict;
  writeFileSync('altered.jsonl', readFileSync(file, 'utf8').replace('"amount":120', '"amount":12'));
  console.log(name, await verdictOf(file), await verdictOf('altered.jsonl'));
}
`;
const EXPECTED = 'mac ok tampered\nsigned ok tampered\n';

const given = process.argv.slice(2);
const names = given.length > 0 ? given : Object.keys(RUNTIMES);
const problems = names.filter((name) => RUNTIMES[name] === undefined).map((name) => `no such runtime: ${name}`);
const packed = pack();
try {
  for (const name of names.filter((one) => RUNTIMES[one] !== undefined)) {
    const folder = packed.project(name);
    installInto(folder, [packed.tarball]);
    writeFileSync(join(folder, 'program.mjs'), PROGRAM);
    const { args } = RUNTIMES[name];
    const { status, stdout, stderr, error } = spawnSync(programOf(name), [...args, 'program.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (error) throw error;
    console.log(`${name}: ${stdout.trim().replaceAll('\n', '; ')}`);
    if (status !== 0 || stdout !== EXPECTED) problems.push(`${name}: exit ${status}\n${stdout}${stderr}`);
  }
} finally {
  packed.remove();
}
report(problems, `${names.join(', ')}: sealed, signed, verified, and an altered copy found`);

/** The path of a runtime, which is installed first if it is not there yet. */
function programOf(name) {
  const { package: wanted, version, program } = RUNTIMES[name];
  const folder = join(toolCache(), 'runtimes', `${name}-${version}`);
  const path = join(folder, 'node_modules', wanted, program);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  installInto(folder, [`${wanted}@${version}`]);
  return path;
}
