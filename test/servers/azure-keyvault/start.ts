import { openInstance } from '../instances.ts';
import { ownOf } from '../running.ts';

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

/** A stand-in for Key Vault, its token authority and managed identity. */
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

/** A server with nothing in it, for one test file, at the worker's process. */
export async function startAzureKeyVault(): Promise<AzureServer> {
  const instance = await openInstance<Announcement>(ownOf('azure-keyvault').url);
  const { ports, caPem, tenant, identityHeader } = instance.about;
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
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(body ?? {}) });
      if (!response.ok) throw new Error(`the test server refused ${command}: ${await response.text()}`);
      return ((await response.json()) as { result: never }).result;
    },
    close: instance.end,
  };
}
