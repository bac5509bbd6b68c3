import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type CheckpointEvent,
  createSealer,
  type DataKey,
  formatVkey,
  type Sealer,
  type SealerOptions,
  type SigningKey,
  type VerifyReport,
} from '../../../src/index.ts';
import type { VaultProvider, VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { verify } from '../../../src/verify/verify.ts';
import type { Bao } from '../../servers/openbao.ts';
import { keys, makeToken, providerFor } from './transit-server.ts';

/** The modes of spec 5, each with Vault. */
export type LogMode = 'data key' | 'signing' | 'both' | 'both, with MACs by Vault';

/** How each is configured. */
export const modes: Readonly<Record<LogMode, Partial<SealerOptions>>> = {
  'data key': { keyId: keys.data },
  signing: { keyId: keys.ed25519, useKmsSigning: true },
  both: { keyId: keys.data, signingKeyId: keys.ed25519 },
  'both, with MACs by Vault': { keyId: keys.data, signingKeyId: keys.mac },
};

const origin = 'audit.example.com/vault/test';

/** A log that is sealed with keys from Vault, in a directory of its own. */
export class SealedLog {
  readonly file: string;
  readonly sealer: Sealer;
  readonly provider: VaultProvider;
  /** Every data key that the sealer was given, as text: none may be found anywhere. */
  readonly dataKeys: string[] = [];
  written = 0;
  readonly #directory: string;
  readonly #signers = new Map<string, SigningKey>();
  #pump: NodeJS.Timeout | undefined;

  static async start(provider: VaultProvider, options: Partial<SealerOptions>): Promise<SealedLog> {
    return new SealedLog(await mkdtemp(join(tmpdir(), 'vault-log-')), provider, options);
  }

  private constructor(directory: string, provider: VaultProvider, options: Partial<SealerOptions>) {
    this.#directory = directory;
    this.file = join(directory, 'audit.jsonl');
    this.provider = provider;
    this.sealer = createSealer({
      keySource: 'vault',
      vaultAddr: 'http://127.0.0.1:1',
      vaultPath: options.keyId ?? keys.data,
      origin,
      file: this.file,
      stateDir: join(directory, 'state'),
      keyProvider: this.#spy(provider),
      checkpointMaxSeconds: 1,
      ...options,
    });
  }

  /** Writes so many lines now. */
  write(lines: number): void {
    for (let index = 0; index < lines; index += 1) {
      this.written += 1;
      this.sealer.writeObject(`{"n":${this.written},"msg":"a line of the application"}`);
    }
  }

  /** Writes lines all the time, until {@link SealedLog.rest}. */
  load(linesPerSecond: number): void {
    this.#pump = setInterval(() => this.write(linesPerSecond / 50), 20);
  }

  /** Resolves when so many further lines were written. */
  async more(lines: number): Promise<void> {
    const enough = this.written + lines;
    while (this.written < enough) await wait(20);
  }

  rest(): void {
    clearInterval(this.#pump);
  }

  /** Resolves with the next event of this kind. */
  async next(event: 'outage' | 'outageOver' | 'checkpoint' | 'handover'): Promise<void> {
    await once(this.sealer, event);
  }

  /** Resolves when the next checkpoint with every signature is on disk: one of our MAC alone does not count. */
  async signed(): Promise<void> {
    for (;;) {
      const [event] = (await once(this.sealer, 'checkpoint')) as [CheckpointEvent];
      if (event.complete) return;
    }
  }

  async lines(): Promise<string[]> {
    return (await readFile(this.file, 'utf8')).split('\n');
  }

  /** Verifies as an auditor with the policy `auditor`, who named every public key that the writer had. */
  async audit(server: Bao, use: { macs?: boolean; signatures?: boolean } = {}): Promise<VerifyReport> {
    const { macs = true, signatures = true } = use;
    const token = await makeToken(server, { policies: ['auditor'] });
    const auditor = providerFor(server.url, { env: { VAULT_TOKEN: token } } satisfies VaultProviderOptions);
    try {
      const vkeys = [...this.#signers.values()].flatMap(({ spki, algorithm }) =>
        spki === undefined ? [] : [formatVkey(origin, { algorithm, bytes: Buffer.from(spki) })],
      );
      return await verify({
        paths: [this.file],
        origin,
        ...(macs ? { dataKeys: [{ source: 'vault', keys: auditor, named: [{ name: keys.data }] }] } : {}),
        ...(signatures ? { publicKeys: vkeys } : {}),
        confirmSigner: async (signer) => signer.algorithm === 'kms-hmac-sha256' && signer.identity.startsWith(keys.mac),
        verifyOnline: (signer, text, signature) => auditor.verify(signer, text, signature),
      });
    } finally {
      await auditor.close();
    }
  }

  /** Everything that lies on the disk. */
  async everything(): Promise<string> {
    const names = await readdir(this.#directory, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
  }

  async remove(): Promise<void> {
    this.rest();
    this.sealer.closeSync();
    await this.provider.close();
    await rm(this.#directory, { recursive: true });
  }

  #spy(provider: VaultProvider): VaultProvider {
    const note = (key: DataKey): DataKey => {
      for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
        this.dataKeys.push(key.material.toString(encoding));
      }
      return key;
    };
    return new Proxy(provider, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const result: unknown = await Reflect.apply(value, target, args);
          if (name === 'getKey') return note(result as DataKey);
          if (name === 'getSigningKey')
            this.#signers.set(
              `${(result as SigningKey).identity} ${Buffer.from((result as SigningKey).spki ?? []).toString('hex')}`,
              result as SigningKey,
            );
          return result;
        };
      },
    });
  }
}
