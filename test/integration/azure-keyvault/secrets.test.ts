import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeyEvent, onKeyEvent } from '../../../src/index.ts';
import { Secret } from '../../../src/keys/secret.ts';
import { AzureKeyVaultProvider } from '../../../src/providers/azure-keyvault/index.ts';
import { context, useAzureServer, writer, writerOptions } from './setup.ts';

const azure = useAzureServer();
const root = Buffer.from('audit.example.com/azure\n2\nAAAA\n');
const events: KeyEvent[] = [];
let end = (): void => undefined;

beforeEach(() => {
  events.length = 0;
  end = onKeyEvent((event) => events.push(event));
});
afterEach(() => end());

/** Everything that anybody could print of an error, its causes included. */
function everything(value: unknown): string {
  const stacks: string[] = [];
  for (let at = value; at instanceof Error; at = at.cause) {
    stacks.push(
      at.stack ?? '',
      at.message,
      JSON.stringify(at),
      String(at),
      JSON.stringify(Object.getOwnPropertyDescriptors(at)),
    );
  }
  return `${inspect(value, { depth: 20, showHidden: true, getters: true, maxStringLength: null })}\n${stacks.join('\n')}`;
}

async function thrown(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

describe('no secret gets out', () => {
  it.each([
    ['the authority refuses and repeats what it was sent', { on: 'token', kind: 'echo', status: 401 }],
    ['the authority fails and repeats what it was sent', { on: 'token', kind: 'echo', status: 500 }],
    ['the vault refuses and repeats what it was sent', { on: '*', kind: 'echo', status: 403 }],
    ['the vault fails and repeats what it was sent', { on: '*', kind: 'echo', status: 500 }],
    ['the vault answers garbage', { on: '*', kind: 'garbage' }],
    ['the vault resets', { on: '*', kind: 'reset' }],
  ])('where %s: not in the error, its causes or the events', async (_, fault) => {
    await azure.create('k');
    await azure.create('o', { kty: 'oct-HSM' });
    await azure.server.admin('fault', fault);
    const tokens = new Set<string>();
    const credential = {
      async getToken(): Promise<{ token: string; expiresOnTimestamp: number }> {
        const token = await azure.server.admin('token', { clientId: writer.clientId });
        tokens.add(token);
        return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const errors = [
      await thrown(azure.provider(fault.on === 'token' ? {} : { credential }).sign(azure.key('k'), root)),
      await thrown(azure.provider(fault.on === 'token' ? {} : { credential }).getKey(azure.key('o'), context)),
    ];
    const printed = errors.map(everything).join('\n') + inspect(events, { depth: 9 }) + JSON.stringify(events);
    expect(events.length).toBeGreaterThan(0);
    expect(printed).not.toContain(writer.secret);
    for (const token of tokens) expect(printed).not.toContain(token.slice(0, 40));
    expect(printed).not.toMatch(/eyJ[\w-]{20,}/);
    expect(printed.toLowerCase()).not.toContain('bearer ey');
  });

  it('a data key that the vault repeats in its refusal is not in the error', async () => {
    await azure.create('o', { kty: 'oct-HSM' });
    await azure.server.admin('fault', { on: 'encrypt', kind: 'echo', status: 400 });
    const error = await thrown(azure.provider().getKey(azure.key('o'), context));
    const printed = everything(error) + JSON.stringify(events);
    expect(printed).toContain('BadParameter');
    expect(printed).not.toContain('A256GCM');
    expect(printed).not.toMatch(/(?<![\w-])[\w-]{43}(?![\w-])/); // 32 bytes as base64url
  });

  it('the provider and its options print none', async () => {
    await azure.create('o', { kty: 'oct-HSM' });
    const options = writerOptions(azure.server);
    const provider = new AzureKeyVaultProvider({
      ...options,
      authorityHost: azure.server.authorityUrl,
      caCertificates: azure.server.caPem,
    });
    const key = await provider.getKey(azure.key('o'), context);
    const printed = `${inspect(provider, { depth: 20, showHidden: true })}${JSON.stringify(provider)}${inspect(options, { depth: 9 })}${inspect(key, { depth: 9 })}`;
    await provider.close();
    expect(printed).not.toContain(writer.secret);
    expect(printed).not.toContain(key.material.toString('hex'));
    key.erase();
  });

  it('an event names operation, key, version, request and outcome', async () => {
    const made = await azure.create('k');
    await azure
      .provider({ clientSecret: new Secret(writer.secret), tenantId: azure.server.tenant, clientId: writer.clientId })
      .sign(azure.key('k'), root);
    const seen = (await azure.server.admin('requests')).filter(
      ({ operation, caller }) => operation === 'sign' && caller,
    );
    expect(events.find(({ operation }) => operation === 'sign')).toMatchObject({
      source: 'azure-keyvault',
      keyId: azure.key('k'),
      identity: azure.identity(made),
      version: made.version,
      requestId: seen.at(-1)?.requestId,
      outcome: 'ok',
      attempts: 1,
    });
  });
});
