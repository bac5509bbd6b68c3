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

/** Which certificate signs: what its extensions are. */
export type Purpose =
  | 'any-length'
  | 'length-0'
  | 'length-1'
  | 'tsa'
  | 'not-critical'
  | 'two-purposes'
  | 'other-purpose'
  | 'no-purpose';

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

/** An authority: its root, its certificate, and `openssl`. */
export class TimeStampAuthority {
  readonly directory: string;
  readonly #server: Server;
  /** What is answered instead; undefined: what openssl says. */
  answer: ((reply: Buffer) => { readonly status?: number; readonly body: Buffer }) | undefined;
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
        void this.reply(Buffer.concat(parts)).then((reply) => {
          const { status = 200, body } = this.answer?.(reply) ?? { body: reply };
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
    await authority.#issue('root', 'root', ['20190101000000Z', '20991231235959Z'], ['-selfsign']);
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
      await this.#issue(name, purpose, between, ['-cert', 'root.pem']);
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
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-keyfile', 'root.key', '-notext', '-batch'];
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
    await writeFile(join(this.directory, 'good'), await this.reply(query));
    await this.openssl('ts', '-reply', '-in', 'good', '-token_out', '-out', 'token');
    await this.openssl('cms', '-verify', '-noverify', '-inform', 'DER', '-in', 'token', '-out', 'info', '-binary');
    if (at !== undefined) {
      const info = await readFile(join(this.directory, 'info'), 'latin1');
      await writeFile(join(this.directory, 'info'), info.replace(/20\d{12}Z/, at), 'latin1');
    }
    const sign = ['-sign', '-in', 'info', '-binary', '-nodetach', '-econtent_type', 'id-smime-ct-TSTInfo', '-cades'];
    const by = ['-signer', `${name}.pem`, '-inkey', `${name}.key`, '-md', 'sha256'];
    await this.openssl('cms', ...sign, ...by, '-outform', 'DER', '-out', 'signed');
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
