import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What the test server says of a key version that it made. */
export interface MadeKey {
  readonly name: string;
  readonly version: string;
  readonly kty: string;
  /** Base64 of the DER SubjectPublicKeyInfo; absent for oct keys. */
  readonly spki?: string;
}

/** One request as the servers saw it. */
export interface SeenRequest {
  readonly server: 'vault' | 'authority' | 'managed-identity';
  readonly method: string;
  readonly path: string;
  readonly operation?: string;
  readonly caller?: string;
  readonly clientId?: string | null;
  readonly refused?: string;
  readonly requestId?: string;
}

/** A fault to switch on; see `faults.mjs`. */
export interface Fault {
  readonly on: string;
  readonly kind: string;
  readonly times?: number;
  readonly [member: string]: unknown;
}

interface Commands {
  reset: [undefined, null];
  createKey: [Record<string, unknown>, MadeKey];
  updateKey: [Record<string, unknown>, MadeKey];
  deleteKey: [{ name: string }, boolean];
  recoverKey: [{ name: string }, boolean];
  principal: [{ clientId: string; allow?: readonly string[] }, null];
  application: [{ clientId: string; secret?: string; assertion?: string }, null];
  identities: [{ system?: string; user?: readonly string[] }, null];
  token: [{ clientId: string; claims?: Record<string, unknown> }, string];
  fault: [Fault, null];
  clearFaults: [{ keys: readonly string[] } | undefined, null];
  settings: [{ getDisabled?: boolean; challengeTenant?: string }, null];
  requests: [undefined, SeenRequest[]];
  clearRequests: [undefined, null];
}

/** A running stand-in for Key Vault, its token authority and managed identity. */
export interface AzureServer {
  /** `https://localhost:PORT`, no slash at the end. */
  readonly vaultUrl: string;
  /** The same vault over plain http. */
  readonly plainVaultUrl: string;
  /** `https://localhost:PORT`: the value of AZURE_AUTHORITY_HOST. */
  readonly authorityUrl: string;
  readonly tenant: string;
  /** `http://127.0.0.1:PORT`: the value of AZURE_POD_IDENTITY_AUTHORITY_HOST. */
  readonly managedIdentityUrl: string;
  /** The value of IDENTITY_HEADER (App Service). */
  readonly identityHeader: string;
  /** The certificate of the authority that signed the servers' certificates. */
  readonly caPem: string;
  admin<C extends keyof Commands>(command: C, body?: Commands[C][0]): Promise<Commands[C][1]>;
  close(): Promise<void>;
}

interface Announcement {
  readonly ports: Record<'vault' | 'plainVault' | 'authority' | 'managedIdentity' | 'admin', number>;
  readonly caPem: string;
  readonly tenant: string;
  readonly identityHeader: string;
}

/** It answers at once, whatever it is asked; in milliseconds. */
const ADMIN_TIMEOUT = 15_000;

/**
 * A process of Node 20 was once seen to stand still for ever in a lock of its own while it made keys. That is no finding about
 * what is tested: the integration project tries a test anew that fails with these words, on another server.
 */
function notAnswering(cause: unknown): never {
  throw new Error('the test server does not answer', { cause });
}

/** Starts the test server as a process of its own and waits until it listens. */
export async function startAzureKeyVault(): Promise<AzureServer> {
  const main = fileURLToPath(new URL('./main.mjs', import.meta.url));
  const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), exited]);
  if (typeof first[0] !== 'string') throw new Error(`the Key Vault test server ended with ${String(first[0])}`);
  const { ports, caPem, tenant, identityHeader } = JSON.parse(first[0]) as Announcement;
  return {
    vaultUrl: `https://localhost:${ports.vault}`,
    plainVaultUrl: `http://127.0.0.1:${ports.plainVault}`,
    authorityUrl: `https://localhost:${ports.authority}`,
    tenant,
    managedIdentityUrl: `http://127.0.0.1:${ports.managedIdentity}`,
    identityHeader,
    caPem,
    async admin(command, body) {
      const url = `http://127.0.0.1:${ports.admin}/${command}`;
      const signal = AbortSignal.timeout(ADMIN_TIMEOUT);
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(body ?? {}), signal }).catch(
        notAnswering,
      );
      if (!response.ok) throw new Error(`the test server refused ${command}: ${await response.text()}`);
      return ((await response.json()) as { result: never }).result;
    },
    async close() {
      child.stdin.end();
      const kill = setTimeout(() => child.kill('SIGKILL'), 2_000);
      await exited;
      clearTimeout(kill);
    },
  };
}
