// What verifying one large object takes: time, memory and requests, beside the same log on disk. Then one digit of its last
// lines is altered, and it is verified again. What is said of both must be the same at both places. Run `npm run build` first.
// usage: node bench/large-object.mjs s3://BUCKET|gs://BUCKET|az://ACCOUNT/CONTAINER [bytes, default 5000000000]
// The bucket is created in an emulator on this machine, as for audit.mjs.
import { deepStrictEqual } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtempSync, openSync, readSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bucketAt } from './lib/bucket.mjs';
import { countingProxy } from './lib/counting-proxy.mjs';
import { LEAF_BYTES } from './lib/records.mjs';
import { sealedFile } from './lib/sealed-file.mjs';

const bucket = bucketAt(process.argv[2]);
const bytes = Number(process.argv[3] ?? 5_000_000_000);
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const measuring = new URL('lib/measured.mjs', import.meta.url).href;

/** Verifies in a process of its own. */
async function verified({ origin, keyPath }, place, env) {
  const args = ['verify', place, '--origin', origin, '--keys', keyPath, '--format', 'json'];
  const began = performance.now();
  const { stdout, stderr } = await new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--no-warnings', '--import', measuring, program, ...args],
      { env: { ...process.env, ...env }, maxBuffer: 2 ** 30 },
      (_error, stdout, stderr) => resolve({ stdout, stderr }),
    );
  });
  const seconds = (performance.now() - began) / 1000;
  const used = /^measured (\d+) (\d+)$/m.exec(stderr);
  if (used === null || stdout === '') throw new Error(`the verifier said no more than ${stderr}`);
  const report = JSON.parse(stdout.replaceAll(place, 'PLACE'));
  return { report, seconds, cpu: Number(used[1]) / 1e6, megabytes: Math.round(Number(used[2]) / 1024) };
}

/** Alters a digit of a record in the last megabyte. */
function alter(path) {
  const file = openSync(path, 'r+');
  const tail = Buffer.alloc(1_000_000);
  const from = statSync(path).size - tail.length;
  readSync(file, tail, 0, tail.length, from);
  const at = tail.indexOf('"pid":4711') + '"pid":'.length;
  writeSync(file, Buffer.of(tail[at] ^ 1), 0, 1, from + at);
}

function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

const { bavail, bsize } = statfsSync(tmpdir());
if (bavail * bsize < bytes * 1.5) throw new Error(`there is no room for ${bytes} bytes in ${tmpdir()}`);
const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-large-'));
try {
  const log = await sealedFile('mac', folder, Math.round(bytes / (LEAF_BYTES + 47)));
  await bucket.create();
  const proxy = await countingProxy(bucket);
  const place = `${bucket.name}/${Date.now()}/audit.jsonl`;
  const key = place.slice(bucket.name.length + 1);
  row('log', 'where', 'verdict', 'seconds', 'CPU seconds', 'MB', 'LIST', 'GET', 'PUT');
  row(...Array.from({ length: 9 }, () => '---'));
  for (const expected of ['ok', 'tampered']) {
    if (expected === 'tampered') alter(log.path);
    const began = performance.now();
    await bucket.putFile(key, log.path);
    const size = statSync(log.path).size;
    console.error(`${size} bytes uploaded in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    proxy.reset();
    const onDisk = await verified(log, log.path, {});
    const inBucket = await verified(log, place, bucket.through(proxy.url));
    const { list, get, put } = proxy.counts;
    for (const [where, { report, seconds, cpu, megabytes }, ...requests] of [
      ['disk', onDisk, '', '', ''],
      [bucket.name.split(':')[0], inBucket, list, get, put],
    ]) {
      row(size, where, report.verdict, seconds.toFixed(1), cpu.toFixed(1), megabytes, ...requests);
    }
    if (onDisk.report.verdict !== expected) throw new Error(`the log is ${onDisk.report.verdict}, not ${expected}`);
    deepStrictEqual(inBucket.report, onDisk.report);
  }
  proxy.close();
} finally {
  rmSync(folder, { recursive: true });
}
