import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A time-stamp authority on loopback: `openssl ts -reply` behind HTTP (RFC 3161 section 3.4), with certificates of its own. */

const run = promisify(execFile);

const CONFIG = `
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[any-length]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[length-0]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
[length-1]
basicConstraints = critical, CA:TRUE, pathlen:1
keyUsage = critical, keyCertSign
[no-sign]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature
[no-usage]
basicConstraints = critical, CA:TRUE
[plain-ca]
basicConstraints = CA:TRUE
keyUsage = keyCertSign
[not-ca]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
[no-constraints]
keyUsage = critical, digitalSignature
[unknown-ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
1.2.3.4.5 = critical, ASN1:UTF8String:what
[noted-ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
1.2.3.4.5 = ASN1:UTF8String:what
[no-key-usage]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, timeStamping
[commitment]
basicConstraints = CA:FALSE
keyUsage = critical, nonRepudiation
extendedKeyUsage = critical, timeStamping
[encipherment]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = critical, timeStamping
[agreement]
basicConstraints = CA:FALSE
keyUsage = critical, keyAgreement
extendedKeyUsage = critical, timeStamping
[signing-ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
extendedKeyUsage = critical, timeStamping
[unknown]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
1.2.3.4.5 = critical, ASN1:UTF8String:what
[noted]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
1.2.3.4.5 = ASN1:UTF8String:what
[any-purpose]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, timeStamping, anyExtendedKeyUsage
[not-critical]
basicConstraints = CA:FALSE
extendedKeyUsage = timeStamping
[two-purposes]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, timeStamping, codeSigning
[other-purpose]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, codeSigning
[no-purpose]
basicConstraints = CA:FALSE
[service]
default_policy = 1.2.3.4.1
serial = serial
digests = sha256, sha384, sha512
signer_digest = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[service-sha1]
default_policy = 1.2.3.4.1
serial = serial
digests = sha1, sha256
signer_digest = sha1
ess_cert_id_alg = sha1
`;

const ISSUER = `
[ca]
default_ca = issuer
[issuer]
database = index
new_certs_dir = .
default_md = sha256
policy = names
rand_serial = yes
unique_subject = no
[names]
organizationName = optional
commonName = supplied
`;

/** Which certificate signs: what its extensions are. Each is a section of the configuration. */
export type Purpose =
  | 'agreement'
  | 'any-length'
  | 'any-purpose'
  | 'commitment'
  | 'encipherment'
  | 'length-0'
  | 'length-1'
  | 'no-constraints'
  | 'no-key-usage'
  | 'no-purpose'
  | 'no-sign'
  | 'no-usage'
  | 'not-ca'
  | 'not-critical'
  | 'noted'
  | 'noted-ca'
  | 'other-purpose'
  | 'plain-ca'
  | 'signing-ca'
  | 'tsa'
  | 'two-purposes'
  | 'unknown'
  | 'unknown-ca';

/** How a certificate is made. */
export interface CertificateOptions {
  readonly purpose?: Purpose;
  /** Arguments of `openssl req -newkey`. Default: P-256, which is made at once; an RSA key takes the fifth of a second. */
  readonly key?: readonly string[];
  /** Begins at this moment, `20200101000000Z`, and ends at the second. */
  readonly between?: readonly [string, string];
  /** The name of its issuer. Default: `root`. */
  readonly by?: string;
}

/** What an authority answers over HTTP. */
interface Answer {
  readonly status?: number;
  readonly body: Buffer;
}

/** An authority: its root, its certificate, and `openssl`. */
export class TimeStampAuthority {
  readonly directory: string;
  readonly #server: Server;
  /** What is answered instead; undefined: what openssl says. */
  answer: ((reply: Buffer, query: Buffer) => Answer | Promise<Answer>) | undefined;
  asked = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.asked++;
        if (request.headers['content-type'] !== 'application/timestamp-query') {
          response.writeHead(415).end();
          return;
        }
        const query = Buffer.concat(parts);
        void this.reply(query).then(async (reply) => {
          const { status = 200, body } = (await this.answer?.(reply, query)) ?? { body: reply };
          response.writeHead(status, { 'content-type': 'application/timestamp-reply' }).end(body);
        });
      });
    });
  }

  static async start(options: CertificateOptions = {}): Promise<TimeStampAuthority> {
    const directory = await mkdtemp(join(tmpdir(), 'tsa-'));
    const authority = new TimeStampAuthority(directory);
    await writeFile(join(directory, 'tsa.cnf'), CONFIG);
    await writeFile(join(directory, 'serial'), '01\n');
    await writeFile(join(directory, 'ca.cnf'), ISSUER);
    await writeFile(join(directory, 'index'), '');
    const request = ['-keyout', 'root.key', '-out', 'root.csr', '-subj', '/O=Test/CN=Root', '-config', 'tsa.cnf'];
    await authority.openssl('req', '-newkey', 'rsa:2048', '-nodes', ...request);
    await authority.#issue(
      'root',
      'root',
      ['20190101000000Z', '20991231235959Z'],
      ['-selfsign', '-keyfile', 'root.key'],
    );
    await authority.certify('tsa', options);
    authority.#server.listen(0, '127.0.0.1');
    await once(authority.#server, 'listening');
    return authority;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/tsa`;
  }

  /** The PEM file of its root. */
  get root(): string {
    return join(this.directory, 'root.pem');
  }

  /** Makes `NAME.pem` and `NAME.key`. */
  async certify(
    name: string,
    {
      purpose = 'tsa',
      key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      between,
      by = 'root',
    }: CertificateOptions = {},
  ): Promise<void> {
    const [algorithm = '', ...parameters] = key;
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=Test/CN=${name}`];
    await this.openssl('req', '-newkey', algorithm, ...parameters, '-nodes', ...request, '-config', 'tsa.cnf');
    if (between !== undefined) {
      await this.#issue(name, purpose, between, ['-cert', `${by}.pem`, '-keyfile', `${by}.key`]);
      return;
    }
    const issuer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    const extensions = ['-extfile', 'tsa.cnf', '-extensions', purpose];
    const out = ['-out', `${name}.pem`, '-days', '365'];
    await this.openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, ...out, ...extensions);
  }

  async #issue(
    name: string,
    section: string,
    [from, until]: readonly [string, string],
    by: readonly string[],
  ): Promise<void> {
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-notext', '-batch'];
    const extensions = ['-extfile', 'tsa.cnf', '-extensions', section];
    await this.openssl(
      'ca',
      '-config',
      'ca.cnf',
      ...by,
      ...files,
      '-startdate',
      from,
      '-enddate',
      until,
      ...extensions,
    );
  }

  /** What `openssl ts -reply` answers to a query; `chain` is a file of certificates that come along. */
  async reply(query: Buffer, name = 'tsa', section = 'service', chain?: string): Promise<Buffer> {
    await writeFile(join(this.directory, 'query'), query);
    const signer = [
      '-signer',
      `${name}.pem`,
      '-inkey',
      `${name}.key`,
      ...(chain === undefined ? [] : ['-chain', chain]),
    ];
    await this.openssl(
      'ts',
      '-reply',
      '-config',
      'tsa.cnf',
      '-section',
      section,
      '-queryfile',
      'query',
      ...signer,
      '-out',
      'reply',
    );
    return readFile(join(this.directory, 'reply'));
  }

  /**
   * The same with a certificate that `openssl ts` would not sign with: only its CMS is made, and put into an answer. `at`: the
   * time that it says, `20200601000000Z`.
   */
  async replyByAnyone(query: Buffer, name: string, at?: string): Promise<Buffer> {
    return this.sign(await this.said(query), name, at);
  }

  /** What an answer to the query says, the TSTInfo, in DER. */
  async said(query: Buffer): Promise<Buffer> {
    await writeFile(join(this.directory, 'good'), await this.reply(query));
    await this.openssl('ts', '-reply', '-in', 'good', '-token_out', '-out', 'token');
    await this.openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-in', 'token', '-out', 'info', '-binary');
    return readFile(join(this.directory, 'info'));
  }

  /** An answer that says this, signed by `NAME.pem` at the time that it is to say; `chain` is a file of certificates that come along. */
  async sign(info: Buffer, name: string, at?: string, chain?: string): Promise<Buffer> {
    const said = at === undefined ? info : Buffer.from(info.toString('latin1').replace(/20\d{12}Z/, at), 'latin1');
    await writeFile(join(this.directory, 'info'), said);
    const sign = ['-sign', '-in', 'info', '-binary', '-nodetach', '-econtent_type', 'id-smime-ct-TSTInfo', '-cades'];
    const by = ['-signer', `${name}.pem`, '-inkey', `${name}.key`, '-md', 'sha256'];
    const along = chain === undefined ? [] : ['-certfile', chain];
    await this.openssl('cms', ...sign, ...by, ...along, '-outform', 'DER', '-out', 'signed');
    const token = await readFile(join(this.directory, 'signed'));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(token.length + 5);
    // SEQUENCE { SEQUENCE { INTEGER 0 }, token }
    return Buffer.concat([Buffer.from('3082', 'hex'), length, Buffer.from('3003020100', 'hex'), token]);
  }

  /** A query for a text. */
  async query(text: string, ...flags: string[]): Promise<Buffer> {
    await writeFile(join(this.directory, 'text'), text);
    await this.openssl(
      'ts',
      '-query',
      '-data',
      'text',
      ...(flags.length > 0 ? flags : ['-sha256', '-cert']),
      '-out',
      'made',
    );
    return readFile(join(this.directory, 'made'));
  }

  /** @throws where it ends with another status than 0 */
  async openssl(...args: string[]): Promise<string> {
    return (await run('openssl', args, { cwd: this.directory })).stdout;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
