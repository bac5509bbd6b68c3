// How fast `verify` reads a sealed file, beside the hashes alone, per CPU second. Run `npm run build` first.
// usage: node bench/verify.mjs [records, default 300000] [rounds, default 5]
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './lib/audit.mjs';
import { ceiling, cpuSeconds, fourHashes, twoHashes } from './lib/ceiling.mjs';
import { LEAF_BYTES } from './lib/records.mjs';
import { sealedFile } from './lib/sealed-file.mjs';

const count = Number(process.argv[2] ?? 300_000);
const rounds = Number(process.argv[3] ?? 5);

async function rateOf(file) {
  return count / (await cpuSeconds(() => audit(file)));
}

/** One round: the file with its manifest (one more SHA-256 over every byte) and without, between two ceilings. */
async function measure(file) {
  const manifest = `${file.path}.manifest.json`;
  const before = [await ceiling(fourHashes, LEAF_BYTES), await ceiling(twoHashes, LEAF_BYTES)];
  const withManifest = await rateOf(file);
  renameSync(manifest, `${manifest}.away`);
  const rate = await rateOf(file);
  renameSync(`${manifest}.away`, manifest);
  const after = [await ceiling(fourHashes, LEAF_BYTES), await ceiling(twoHashes, LEAF_BYTES)];
  const [four, two] = before.map((value, at) => (value + after[at]) / 2);
  return { rate, withManifest, four, two };
}

const thousands = (value) => `${Math.round(value / 1000)}k/s`.padStart(8);
const ratio = (value) => value.toFixed(2);

function line(mode, { rate, withManifest, four, two }) {
  const own = mode === 'mac' ? '' : `   two hashes${thousands(two)}, ratio ${ratio(rate / two)}`;
  const manifest = `   with manifest${thousands(withManifest)}, ratio ${ratio(withManifest / four)}`;
  return `${mode.padEnd(8)}${thousands(rate)}   four hashes${thousands(four)}, ratio ${ratio(rate / four)}${own}${manifest}`;
}

const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-bench-'));
try {
  for (const mode of ['mac', 'signing']) {
    const file = await sealedFile(mode, folder, count);
    await audit(file); // warm
    const results = [];
    for (let round = 0; round < rounds; round++) {
      const result = await measure(file);
      console.log(`verify ${line(mode, result)}`);
      results.push(result);
    }
    results.sort((a, b) => b.rate / b.four - a.rate / a.four);
    console.log(`verify ${line(mode, results[Math.floor(rounds / 2)])}   median of ${rounds}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
