// A certificate authority for one test run: made at run time, in memory, for loopback names only. Node can check
// certificates but not make them, so the few DER structures of RFC 5280 that a TLS client looks at are written here.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** @param {number} tag @param {...Buffer} parts */
function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const sequence = (...parts) => tlv(0x30, ...parts);
const octets = (body) => tlv(0x04, body);
const bits = (body) => tlv(0x03, Buffer.from([0]), body);
const yes = tlv(0x01, Buffer.from([0xff]));

/** @param {string} dotted */
function oid(dotted) {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const name = (text) => sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text)))));
const time = (date) =>
  tlv(
    0x17,
    Buffer.from(
      date
        .toISOString()
        .slice(2)
        .replace(/[-:T]|\.\d+/g, ''),
    ),
  );
const keyIdentifier = (spki) => createHash('sha1').update(spki).digest();
const extension = (id, critical, value) => sequence(oid(id), ...(critical ? [yes] : []), octets(value));

/** @param {string} host */
function altName(host) {
  const quads = host.split('.').map(Number);
  if (quads.length === 4 && quads.every(Number.isInteger)) return tlv(0x87, Buffer.from(quads));
  if (host === '::1') return tlv(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]));
  return tlv(0x82, Buffer.from(host));
}

function certificate({ subject, issuer, spki, extensions, signer }) {
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x3f) | 0x40;
  const hour = 3_600_000;
  const tbs = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ECDSA_SHA256,
    name(issuer),
    sequence(time(new Date(Date.now() - hour)), time(new Date(Date.now() + 7 * 24 * hour))),
    name(subject),
    spki,
    tlv(0xa3, sequence(...extensions)),
  );
  const der = sequence(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, signer)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spkiOf = (pair) => pair.publicKey.export({ type: 'spki', format: 'der' });

/**
 * Makes a certificate authority.
 *
 * @returns {{ caPem: string, issue(hosts?: string[]): { certPem: string, keyPem: string } }}
 */
export function createLoopbackCa() {
  const authority = newKey();
  const issuer = `loopback test authority ${randomBytes(4).toString('hex')}`;
  const caPem = certificate({
    subject: issuer,
    issuer,
    spki: spkiOf(authority),
    signer: authority.privateKey,
    extensions: [
      extension('2.5.29.19', true, sequence(yes)), // basicConstraints: cA
      extension('2.5.29.15', true, tlv(0x03, Buffer.from([1, 0x06]))), // keyUsage: keyCertSign, cRLSign
      extension('2.5.29.14', false, octets(keyIdentifier(spkiOf(authority)))),
    ],
  });
  const issue = (hosts = ['localhost', '127.0.0.1', '::1']) => {
    const pair = newKey();
    const certPem = certificate({
      subject: hosts[0] ?? 'localhost',
      issuer,
      spki: spkiOf(pair),
      signer: authority.privateKey,
      extensions: [
        extension('2.5.29.19', true, sequence()),
        extension('2.5.29.15', true, tlv(0x03, Buffer.from([7, 0x80]))), // digitalSignature
        extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), // serverAuth, clientAuth
        extension('2.5.29.17', false, sequence(...hosts.map(altName))),
        extension('2.5.29.14', false, octets(keyIdentifier(spkiOf(pair)))),
        extension('2.5.29.35', false, sequence(tlv(0x80, keyIdentifier(spkiOf(authority))))),
      ],
    });
    return { certPem, keyPem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  };
  return { caPem, issue };
}
