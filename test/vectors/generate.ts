// Writes vectors/: node --import ./test/child/typescript.mjs test/vectors/generate.ts
// A vector that is there already is frozen: only new ones are added, a changed one is refused.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalogue } from './catalogue/index.ts';
import { keptSignatures } from './keys.ts';
import { render } from './render.ts';
import { unitVectors } from './unit-vectors.ts';

const root = fileURLToPath(new URL('../../vectors/', import.meta.url));
const changed: string[] = [];
let added = 0;

function put(name: string, bytes: Buffer): void {
  const path = `${root}v1/${name}`;
  if (!existsSync(path)) {
    writeFileSync(path, bytes);
    added++;
  } else if (!name.endsWith('.gz') && !readFileSync(path).equals(bytes)) {
    changed.push(name); // another zlib may compress to other bytes
  }
}

mkdirSync(`${root}v1`, { recursive: true });
for (const one of catalogue()) for (const { name, bytes } of render(one)) put(name, bytes);
for (const [name, value] of Object.entries(unitVectors())) {
  put(`unit-${name}.json`, Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`));
}
writeFileSync(`${root}keys/kept-signatures.json`, `${JSON.stringify(keptSignatures, undefined, 1)}\n`);
const names = readdirSync(`${root}v1`).sort();
const sums = names.map((name) => {
  const digest = createHash('sha256').update(readFileSync(`${root}v1/${name}`));
  return `${digest.digest('hex')}  v1/${name}\n`;
});
writeFileSync(`${root}SHA256SUMS`, sums.join(''));
console.log(`${names.length} files, ${added} of them new`);
if (changed.length > 0) {
  console.error(`not changed, because vectors/v1 is frozen: ${changed.join(', ')}`);
  process.exitCode = 1;
}
