// Do Node.js and @noble/post-quantum say the same of every signature? node test/keys/ml-dsa-agree.mjs ROUNDS
// Valid ones of both makers, and changed ones: bits anywhere, the hint's bytes, other keys, other texts, other lengths.
import { createPrivateKey, createPublicKey, randomBytes, randomInt, sign, verify } from 'node:crypto';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';

const rounds = Number(process.argv[2]);
const oids = { 'ml-dsa-44': '11', 'ml-dsa-65': '12' };
const nobles = { 'ml-dsa-44': ml_dsa44, 'ml-dsa-65': ml_dsa65 };
/** Bytes of the hint at the end of a signature: omega and k (FIPS 204, table 1). */
const hints = { 'ml-dsa-44': 84, 'ml-dsa-65': 61 };
const seen = { good: 0, bad: 0, apart: [] };

function changes(name, signature) {
  const flip = (at) => {
    const changed = Uint8Array.from(signature);
    changed[at] ^= 1 << randomInt(8);
    return changed;
  };
  const hint = signature.length - hints[name];
  const set = (at, value) => Uint8Array.from(signature).fill(value, at, at + 1);
  const swapped = Uint8Array.from(signature);
  [swapped[hint], swapped[hint + 1]] = [swapped[hint + 1], swapped[hint]]; // hints in another order
  return [
    flip(randomInt(signature.length)),
    flip(randomInt(hint, signature.length)),
    flip(signature.length - 1),
    set(signature.length - 1 - randomInt(4), randomInt(256)), // how many hints a polynomial has
    set(hint + randomInt(hints[name] - 8), randomInt(256)),
    swapped,
    signature.subarray(0, -1),
    Uint8Array.from([...signature, 0]),
    randomBytes(signature.length),
    new Uint8Array(signature.length),
  ];
}

for (const [name, noble] of Object.entries(nobles)) {
  for (let round = 0; round < rounds; round++) {
    const seed = Uint8Array.from(randomBytes(32));
    const { publicKey, secretKey } = noble.keygen(seed);
    const head = Buffer.from(`3034020100300b06096086480165030403${oids[name]}04228020`, 'hex');
    const privateKey = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
    const own = createPublicKey(privateKey);
    const text = Uint8Array.from(randomBytes(randomInt(200)));
    if (!own.export({ format: 'der', type: 'spki' }).subarray(22).equals(publicKey)) seen.apart.push([name, 'key']);
    const made = [Uint8Array.from(sign(null, text, privateKey)), noble.sign(text, secretKey)];
    for (const [by, signature] of made.entries()) {
      const cases = [signature, ...changes(name, signature)].map((one) => [one, text]);
      cases.push([signature, Uint8Array.from([...text, 1])]);
      for (const [at, [bytes, message]] of cases.entries()) {
        const native = verify(null, message, own, bytes);
        const other = noble.verify(Uint8Array.from(bytes), message, publicKey);
        if (native !== other) seen.apart.push([name, by, at, native, other]);
        if (at === 0 && !native) seen.apart.push([name, by, 'a right one is refused']);
        seen[native ? 'good' : 'bad']++;
      }
    }
  }
}
console.log(JSON.stringify(seen));
