// What the command takes to start: `--version` and `verify` of a small log, as multiples of `node -e 0`, by the clock. Targets: 1.5
// and 2.5. Nine rounds by turns, medians. With the `dist` of another build, that one's commands too.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './lib/median.mjs';

const ROUNDS = 9;
const TARGETS = { version: 1.5, verify: 2.5 };
const ORIGIN = 'app.example.com/log';
const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-start-'));
const keyFile = join(folder, 'data.key');
const log = join(folder, 'app.log');

try {
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
  const env = { ...process.env, FAPILOG_TAMPER_KEY_SOURCE: 'file', FAPILOG_TAMPER_KEY_FILE_PATH: keyFile };
  const own = fileURLToPath(new URL('../dist', import.meta.url));
  const sealing = ['seal', '--file', log, '--origin', ORIGIN, '--state-dir', join(folder, 'state')];
  execFileSync(process.execPath, [join(own, 'cli/main.js'), ...sealing], { env, input: '{"a":1}\n'.repeat(50) });

  const commands = { 'node -e 0': ['-e', '0'] };
  const [other] = process.argv.slice(2);
  for (const [of, dist] of [['', own], ...(other === undefined ? [] : [[' of the other build', resolve(other)]])]) {
    commands[`version${of}`] = [join(dist, 'cli/main.js'), '--version'];
    commands[`verify${of}`] = [join(dist, 'cli/main.js'), 'verify', log, '--origin', ORIGIN];
  }
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) {
      const begun = performance.now();
      const { status } = spawnSync(process.execPath, args, { env, stdio: 'ignore' });
      if (status !== 0) throw new Error(`${name} ended with ${status}`);
      if (round > 0) times[name].push(performance.now() - begun); // the first round fills the file cache
    }
  }
  const base = median(times['node -e 0']);
  for (const [name, taken] of Object.entries(times)) {
    const ratio = median(taken) / base;
    const target = TARGETS[name] === undefined ? '' : `, target ${TARGETS[name]}`;
    console.log(`${name}: ${median(taken).toFixed(1)} ms, ${ratio.toFixed(2)} times node -e 0${target}`);
    if (ratio > (TARGETS[name] ?? Number.POSITIVE_INFINITY)) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
