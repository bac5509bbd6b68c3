import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import { hasSoftHsm, softhsmLibrary } from '../../scripts/test/suites.mjs';
import { installLock } from '../support/installed.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a key is made for. */
export type KeyKind = 'aes' | 'hmac' | 'p256' | 'p384' | 'p521' | 'ed25519' | 'rsa';

/** Debian's SoftHSM 2, the tool that makes keys in it, and the native half of pkcs11js, which `npm ci --ignore-scripts` leaves out. */
export async function installSoftHsm(): Promise<void> {
  if (hasSoftHsm() && isBindingBuilt()) return;
  const release = await installLock(join(toolCache(), 'softhsm.lock'));
  try {
    if (!hasSoftHsm()) {
      if (process.getuid?.() !== 0) throw new Error('the tests of PKCS#11 need: apt-get install softhsm2 opensc');
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update', '-qq'], { env });
      await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'softhsm2', 'opensc'], { env });
    }
    if (!isBindingBuilt()) {
      // where the headers of this Node.js are, node-gyp need not fetch them
      const prefix = dirname(dirname(process.execPath));
      const nodedir = existsSync(join(prefix, 'include/node/node_api.h')) ? { npm_config_nodedir: prefix } : {};
      await run('npm', ['rebuild', 'pkcs11js'], { cwd: root, env: { ...process.env, ...nodedir } });
    }
    if (!hasSoftHsm() || !isBindingBuilt()) throw new Error('SoftHSM 2, opensc or pkcs11js was not installed');
  } finally {
    await release();
  }
}

function isBindingBuilt(): boolean {
  const own = createRequire(import.meta.url).resolve('pkcs11js/package.json');
  return existsSync(join(dirname(own), 'build/Release/pkcs11.node'));
}

/** Tokens of SoftHSM in a folder of their own. Each process finds them by `SOFTHSM2_CONF`. */
export class SoftHsm {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'fapilog-tamper-softhsm-'));
  readonly config: string = join(this.directory, 'softhsm2.conf');
  readonly library: string;

  constructor() {
    const library = softhsmLibrary();
    if (library === undefined) throw new Error('SoftHSM 2 is not installed: apt-get install softhsm2');
    this.library = library;
    mkdirSync(join(this.directory, 'tokens'));
    const lines = [
      `directories.tokendir = ${this.directory}/tokens`,
      'objectstore.backend = file',
      'log.level = ERROR',
    ];
    writeFileSync(this.config, `${lines.join('\n')}\n`);
  }

  get env(): Readonly<Record<string, string>> {
    return { SOFTHSM2_CONF: this.config };
  }

  async makeToken(label: string, pin: string): Promise<void> {
    const argv = ['--init-token', '--free', '--label', label, '--so-pin', 'so-pin-of-the-tests', '--pin', pin];
    await run('softhsm2-util', argv, { env: { ...process.env, ...this.env } });
  }

  /** @param id - the CKA_ID in hexadecimal */
  async makeKey(...key: Parameters<SoftHsm['keyCommand']>): Promise<void> {
    await run(process.execPath, this.keyCommand(...key), { env: { ...process.env, ...this.env } });
  }

  /** What Node.js is to run to make a key. */
  keyCommand(
    { token, pin }: { readonly token: string; readonly pin: string },
    kind: KeyKind,
    label: string,
    id: string,
    attributes: Readonly<Record<string, boolean>> = {},
  ): string[] {
    const program = fileURLToPath(new URL('softhsm-key.mjs', import.meta.url));
    return [program, this.library, token, pin, kind, label, id, JSON.stringify(attributes)];
  }

  /** A file that nobody else may read. */
  writePin(name: string, text: string, mode = 0o600): string {
    const path = join(this.directory, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
