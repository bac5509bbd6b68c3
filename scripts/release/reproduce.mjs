import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, report, root } from '../lib/run.mjs';

/** Two people: what may differ between them does, and the second one's machine has other things to do. */
const BUILDERS = [
  { folder: 'a', umask: 0o077, TZ: 'Asia/Tokyo', LANG: 'C.UTF-8', busy: 0 },
  { folder: 'somebody/elses folder', umask: 0o022, TZ: 'America/St_Johns', LANG: 'de_DE.UTF-8', busy: 2 },
];

/** The lines of SHA256SUMS of a clone of a commit, built by somebody. */
function build(base, commit, { folder, umask, busy, ...environment }) {
  const clone = join(base, folder);
  mkdirSync(join(clone, '..'), { recursive: true });
  const before = process.umask(umask);
  const loops = Array.from({ length: busy }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  try {
    capture('git', ['clone', '--quiet', '--no-checkout', root, clone]);
    capture('git', ['checkout', '--quiet', '--detach', commit], { cwd: clone });
    const { CARGO_TARGET_DIR: _, ...inherited } = process.env;
    const started = performance.now();
    const { status, error } = spawnSync(process.execPath, ['scripts/release.mjs', '--build'], {
      cwd: clone,
      env: { ...inherited, ...environment, TMPDIR: base },
      stdio: 'inherit',
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`the build in ${clone} ended with ${status}`);
    console.log(`built in ${clone}: ${Math.round((performance.now() - started) / 1000)} s`);
    return readFileSync(join(clone, 'release', 'SHA256SUMS'), 'utf8')
      .trimEnd()
      .split('\n');
  } finally {
    process.umask(before);
    for (const loop of loops) loop.kill();
  }
}

/** Builds a release of this commit twice, and reports every file whose bytes differ. */
export async function reproduce() {
  const base = mkdtempSync(join(tmpdir(), 'fapilog-tamper-reproduce-'));
  // named once: the second clone would otherwise have what was committed during the first build
  const commit = capture('git', ['rev-parse', 'HEAD']).trim();
  let sums;
  try {
    sums = BUILDERS.map((builder) => new Map(build(base, commit, builder).map((line) => line.split('  ').reverse())));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  const [first, second] = sums;
  console.log(`commit ${commit}`);
  const names = [...new Set([...first.keys(), ...second.keys()])].sort();
  for (const name of names) console.log(`${first.get(name)?.slice(0, 16)}  ${second.get(name)?.slice(0, 16)}  ${name}`);
  const differing = names.filter((name) => first.get(name) !== second.get(name)).map((name) => `${name} differs`);
  report(differing, `${names.length} files, twice the same bytes`);
}
