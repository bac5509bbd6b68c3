import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';

const vault = { keySource: 'vault', vaultAddr: 'https://vault.example.com', vaultPath: 'transit/keys/audit' } as const;

describe('what Kubernetes puts into the environment', () => {
  const injected = {
    FAPILOG_TAMPER_SERVICE_HOST: '10.0.0.7',
    FAPILOG_TAMPER_SERVICE_PORT: '80',
    FAPILOG_TAMPER_SERVICE_PORT_HTTP: '80',
    FAPILOG_TAMPER_PORT: 'tcp://10.0.0.7:80',
    FAPILOG_TAMPER_PORT_80_TCP: 'tcp://10.0.0.7:80',
    FAPILOG_TAMPER_PORT_80_TCP_PROTO: 'tcp',
    FAPILOG_TAMPER_PORT_80_TCP_PORT: '80',
    FAPILOG_TAMPER_PORT_80_TCP_ADDR: '10.0.0.7',
    FAPILOG_TAMPER_AUDIT_SERVICE_HOST: '10.0.0.8',
    FAPILOG_TAMPER_AUDIT_SERVICE_PORT: '443',
    FAPILOG_TAMPER_AUDIT_PORT: 'udp://10.0.0.8:443',
    FAPILOG_TAMPER_AUDIT_PORT_443_UDP_ADDR: '10.0.0.8',
  };

  it('for a Service named fapilog-tamper, or fapilog-tamper-NAME, is no option and no misspelt one', () => {
    const { config, warnings } = resolveConfig({ env: { ...injected, FAPILOG_TAMPER_KEY_ID: 'audit' } });
    expect([config.keyId, warnings]).toEqual(['audit', []]);
  });

  it.each(Object.keys(injected).filter((name) => !name.endsWith('_SERVICE_HOST')))(
    '%s without such a Service is a misspelt option',
    (name) => {
      expect(() => resolveConfig({ env: { [name]: 'x' } })).toThrowError(
        expect.objectContaining({ code: 'CONFIG_UNKNOWN_OPTION' }),
      );
    },
  );
});

describe('a warning', () => {
  it.each(['http', 'HTTP', 'fs,https', 'net tls', '*', 'h*', 'undici'])('NODE_DEBUG=%s prints tokens', (text) => {
    expect(resolveConfig({ code: vault, env: { NODE_DEBUG: text } }).warnings).toEqual([
      expect.stringContaining('NODE_DEBUG'),
    ]);
    expect(resolveConfig({ env: { NODE_DEBUG: text } }).warnings).toEqual([]); // nobody is asked: no token is sent
  });

  it.each(['fs', 'timer', '', 'https-proxy', 'module,worker'])('NODE_DEBUG=%s prints none', (text) => {
    expect(resolveConfig({ code: vault, env: { NODE_DEBUG: text } }).warnings).toEqual([]);
  });

  it.each([
    ['awsRegion', 'aws_region (code)', 'aws-kms'],
    ['gcpEndpoint', 'gcp_endpoint (code)', 'gcp-kms'],
    ['azureTenantId', 'azure_tenant_id (code)', 'azure-keyvault'],
  ] as const)('%s has no effect with another key service', (option, shown, owner) => {
    const { warnings } = resolveConfig({ code: { ...vault, [option]: 'localhost' } });
    expect(warnings).toEqual([expect.stringContaining(shown)]);
    expect(warnings[0]).toContain(owner);
  });

  it('an option of the service that the second key comes from has an effect', () => {
    const code = { signingKeySource: 'aws-kms', signingKeyId: 'alias/sign', awsRegion: 'eu-west-1' } as const;
    expect(resolveConfig({ code }).warnings).toEqual([]);
  });
});
