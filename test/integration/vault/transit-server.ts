import { readFileSync } from 'node:fs';
import { VaultProvider, type VaultProviderOptions } from '../../../src/providers/vault/index.ts';
import { type Bao, BaoNamespace, OpenBao, type OpenBaoOptions, pick } from '../../servers/openbao.ts';

/** The keys that {@link startTransit} makes, by what they are for. */
export const keys = {
  data: 'transit/keys/audit-data',
  ed25519: 'transit/keys/audit-sign',
  p256: 'transit/keys/audit-p256',
  p384: 'transit/keys/audit-p384',
  rsa: 'transit/keys/audit-rsa',
  mldsa44: 'transit/keys/audit-mldsa44',
  mldsa65: 'transit/keys/audit-mldsa65',
  mac: 'transit/keys/audit-mac',
} as const;

const types: Readonly<Record<keyof typeof keys, Record<string, unknown>>> = {
  data: { type: 'aes256-gcm96' },
  ed25519: { type: 'ed25519' },
  p256: { type: 'ecdsa-p256' },
  p384: { type: 'ecdsa-p384' },
  rsa: { type: 'rsa-2048' },
  mldsa44: { type: 'mldsa-44' },
  mldsa65: { type: 'mldsa-65' },
  mac: { type: 'hmac', key_size: 32 },
};

const page = readFileSync(new URL('../../../docs/providers/vault.md', import.meta.url), 'utf8');

/** A policy as docs/providers/vault.md has it, word for word. */
function documented(name: string): string {
  const [, found] = page.split(`# policy: ${name}\n`)[1]?.match(/^([^`]+)```/) ?? [];
  if (found === undefined) throw new Error(`docs/providers/vault.md has no policy "${name}"`);
  return found;
}

/** What the page says in words about keys of type hmac. */
const writerOfMacs = `
path "transit/keys/audit-mac" { capabilities = ["read"] }
path "transit/hmac/audit-mac" { capabilities = ["update"] }
path "transit/verify/audit-mac" { capabilities = ["update"] }
`;
const auditorOfMacs = 'path "transit/verify/audit-mac" { capabilities = ["update"] }';

/** The Transit engine, one key of each kind and the policies `writer` and `auditor`, in a namespace of the shared OpenBao. */
export async function startTransit(): Promise<BaoNamespace> {
  const server = await BaoNamespace.make();
  await furnish(server);
  return server;
}

/** The same in an OpenBao of one's own: with TLS, or to be killed. */
export async function ownTransit(options: OpenBaoOptions): Promise<OpenBao> {
  const server = await OpenBao.start(options);
  await furnish(server);
  return server;
}

async function furnish(server: Bao): Promise<void> {
  await server.api('POST', 'sys/mounts/transit', { type: 'transit' });
  await Promise.all(
    Object.entries(keys).map(([use, path]) => server.api('POST', path, types[use as keyof typeof keys])),
  );
  await server.api('POST', 'sys/policies/acl/writer', { policy: documented('writer') + writerOfMacs });
  await server.api('POST', 'sys/policies/acl/auditor', { policy: documented('auditor') + auditorOfMacs });
}

/** A data key and a signing key of one log's own, with the documented policy for them and nothing else. */
export async function makeKeys(
  server: Bao,
  name: string,
): Promise<{ data: string; sign: string; policies: { writer: string } }> {
  const [data, sign] = [`transit/keys/${name}-data`, `transit/keys/${name}-sign`];
  await server.api('POST', data, types.data);
  await server.api('POST', sign, types.ed25519);
  const writer = `writer-${name}`;
  await server.api('POST', `sys/policies/acl/${writer}`, {
    policy: documented('writer').replaceAll('/audit-', `/${name}-`),
  });
  return { data, sign, policies: { writer } };
}

/** A provider that takes nothing from the environment of the tests. */
export function providerFor(url: string, options: VaultProviderOptions): VaultProvider {
  return new VaultProvider({ addr: url, env: { HOME: '/nonexistent' }, ...options });
}

/** Makes a token; with the policy `writer` unless told otherwise. */
export async function makeToken(server: Bao, body: Record<string, unknown> = {}): Promise<string> {
  const answer = await server.api('POST', 'auth/token/create', { policies: ['writer'], ttl: '1h', ...body });
  return pick(answer, 'auth', 'client_token');
}
