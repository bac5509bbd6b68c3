// What ML-DSA costs beside Ed25519: milliseconds to sign and to verify, by Node.js itself (24 and newer) and by
// @noble/post-quantum, and bytes for each checkpoint and key. node bench/post-quantum.mjs [ROUNDS]
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';

const rounds = Number(process.argv[2] ?? 200);
const origin = 'audit.example.com/payments/a';
const text = Buffer.from(`${origin}\n123456\n${Buffer.alloc(32, 7).toString('base64')}\n`);
const identifiers = { 'ml-dsa-44': '11', 'ml-dsa-65': '12' };

/** The middle one of many runs, in milliseconds. */
function median(run) {
  run();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

function row(name, by, signing, verifying, keyBytes, signatureBytes) {
  const line = `\u2014 ${origin} ${Buffer.alloc(4 + signatureBytes).toString('base64')}\\n`.length + 2; // the dash has three bytes
  console.log(
    [name, by, signing.toFixed(2), verifying.toFixed(2), keyBytes, signatureBytes, line].map(String).join('\t'),
  );
}

console.log(`node ${process.version}, openssl ${process.versions.openssl}, ${rounds} rounds`);
console.log('algorithm\tby\tsign ms\tverify ms\tSPKI bytes\tsignature bytes\tline bytes');
{
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const made = sign(null, text, privateKey);
  const spki = publicKey.export({ format: 'der', type: 'spki' }).length;
  const good = () => verify(null, text, publicKey, made);
  row(
    'ed25519',
    'node',
    median(() => sign(null, text, privateKey)),
    median(good),
    spki,
    made.length,
  );
}
for (const [name, noble] of Object.entries({ 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65 })) {
  const seed = new Uint8Array(32).fill(9);
  const { secretKey, publicKey } = noble.keygen(seed);
  const message = new Uint8Array(text);
  const made = noble.sign(message, secretKey);
  const spki = publicKey.length + 22;
  // a local key is kept as its seed: each signature expands it
  const signing = median(() => noble.sign(message, noble.keygen(seed).secretKey));
  row(
    name,
    'noble',
    signing,
    median(() => noble.verify(made, message, publicKey)),
    spki,
    made.length,
  );
  const head = Buffer.from(`3034020100300b06096086480165030403${identifiers[name]}04228020`, 'hex');
  let key;
  try {
    key = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
  } catch {
    console.log(`${name}\tnode\tthis Node.js has no ML-DSA`);
    continue;
  }
  const der = Buffer.concat([head, seed]);
  const own = createPublicKey(key);
  const nativeSigning = median(() => sign(null, text, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })));
  row(
    name,
    'node',
    nativeSigning,
    median(() => verify(null, text, own, made)),
    spki,
    made.length,
  );
}
