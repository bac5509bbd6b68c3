// npm run check -- runtimes [NAME…]: the packed tarball seals, signs and verifies in other runtimes than ours: Node.js 20 to 26,
// Bun and Deno, each from its npm package, kept outside the tree.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installInto, pack } from '../lib/packed.mjs';
import { report } from '../lib/run.mjs';
import { programOf, RUNTIMES } from '../lib/runtimes.mjs';

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
