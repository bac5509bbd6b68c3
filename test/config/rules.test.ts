import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { modeOf, resolveConfig } from '../../src/config/index.ts';
import type { TamperConfig } from '../../src/index.ts';

const aws = { keySource: 'aws-kms', keyId: 'alias/a' } as const;
const vault = { keySource: 'vault', vaultPath: 'transit/keys/audit' } as const;

describe('a key in the place of a name', () => {
  const key = 'ab'.repeat(32);
  it.each(['keyId', 'signingKeyId', 'origin'] as const)('is refused in %s, and not repeated', (name) => {
    for (const value of [key, Buffer.from(key, 'hex').toString('base64')]) {
      const options = { ...aws, [name]: value };
      expect(() => resolveConfig({ code: options, env: {} })).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^(CONFIG|ORIGIN)_INVALID$/),
          message: expect.not.stringContaining(value),
        }),
      );
    }
  });

  it.each(['key', 'dataKey', 'secret', 'privateKey'])('an option %s is told where a key goes', (name) => {
    expect(() => resolveConfig({ code: { [name]: key } as TamperConfig, env: {} })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNKNOWN_OPTION', hint: expect.stringContaining('FAPILOG_TAMPER_KEY') }),
    );
  });

  it.each([
    'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    'projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1',
    'https://vault.vault.azure.net/keys/audit/0123456789abcdef0123456789abcdef',
    'alias/audit',
  ])('%s is a name', (keyId) => {
    expect(resolveConfig({ code: { keySource: 'aws-kms', keyId }, env: {} }).config.keyId).toBe(keyId);
  });
});

describe('options that do not go together', () => {
  const refused: [string, TamperConfig, string][] = [
    ['file without a path', { keySource: 'file' }, 'keySource (code) is file'],
    ['a path without file', { keyFilePath: 'k' }, 'keyFilePath (code) is set, but key_source (default) is env'],
    ['a module without custom', { keyProviderModule: './p.js' }, 'keyProviderModule (code)'],
    ['a key service without key', { keySource: 'gcp-kms' }, 'keySource (code) is gcp-kms, but no key is named'],
    ['vault without key', { keySource: 'vault' }, 'no key is named'],
    ['vault with a bare name', { keySource: 'vault', keyId: 'audit' }, 'no key is named'],
    ['a signing source alone', { signingKeySource: 'env' }, 'signingKeySource (code) is set, but no second key'],
    ['Ed25519 and a second key', { algorithm: 'Ed25519', signingKeyId: 'b' }, 'names another'],
    ['KMS signing without KMS', { useKmsSigning: true }, 'which is not a key service'],
    ['Ed25519 and no KMS signing', { ...aws, algorithm: 'Ed25519', useKmsSigning: false }, 'is Ed25519, a signing key'],
    ['a signing file without a path', { signingKeyId: 'b', signingKeySource: 'file' }, 'no key file is named'],
    ['one key for both', { ...aws, signingKeyId: 'alias/a' }, 'are the same key'],
    ['one variable for both', { signingKeyId: 'b', signingKeyEnvVar: 'FAPILOG_TAMPER_KEY' }, 'are the same key'],
    ['one file for both', { keySource: 'file', keyFilePath: 'k', signingKeyId: 'default' }, 'are the same key'],
    ['AppRole without role', { ...vault, vaultAuthMethod: 'approle' }, 'no role is set'],
    [
      'AppRole and a token',
      { ...vault, vaultAuthMethod: 'approle', vaultRole: 'r', vaultToken: 't' },
      'vaultToken (code)',
    ],
    ['half of mutual TLS', { ...vault, vaultClientKeyFile: 'k' }, 'only vaultClientKeyFile (code) is set'],
    ['rotation of standard output', { rotateMaxBytes: 5 }, 'rotateMaxBytes (code) needs a file'],
    ['compression of standard output', { compressRotated: true }, 'compressRotated (code) needs a file'],
    ['tee to the sealed output', { tee: true }, 'where the sealed log already goes'],
    ['writers that share a stream', { file: 'a-{pid}.jsonl', origin: 'example.com/a' }, 'would share one stream'],
    ['a log named like a torn end', { file: 'logs/w.torn-1.jsonl' }, 'named like a file beside a log'],
    ['a log named like a lock', { file: 'a.lock' }, 'named like a file beside a log'],
    ['a log named like a manifest', { file: 'a.manifest.json' }, 'named like a file beside a log'],
    ['too little room', { maxPendingBytes: 65_536 }, 'could never be accepted'],
    [
      'a checkpoint slower than the heartbeat',
      { checkpointMaxSeconds: 400 },
      'is above heartbeat_seconds (default) (300)',
    ],
    ['an origin with a scheme', { origin: 'https://example.com/a' }, 'must not have a scheme'],
    ['an origin with a blank', { origin: 'a b' }, 'must not contain " "'],
    ['an origin that ends in /', { origin: 'a/' }, 'must not begin or end with /'],
    ['an origin too long', { origin: 'a'.repeat(256) }, 'longer than 255'],
    ['an unknown placeholder', { origin: '{hots}/x' }, 'unknown placeholder {hots}; known are {host}'],
    ['basename in a path', { file: '{basename}.x' }, 'unknown placeholder {basename}'],
    ['a lone brace', { file: 'a}.jsonl' }, 'a brace that is not part of a placeholder'],
    ['a user in an address', { ...vault, vaultAddr: 'https://u:p@v.example.com' }, 'without a user name or password'],
    ['a control character', { keyId: 'a\nb' }, 'control characters'],
    ['a zero', { checkpointMaxRecords: 0 }, 'must be at least 1, not 0'],
    ['a fraction', { heartbeatSeconds: 1.5 }, 'must be a whole number, not 1.5'],
    ['a timer too long', { maxEpochSeconds: 2_147_484 }, 'must be at most 2147483'],
  ];
  it.each(refused)('refuses %s', (_, code, part) => {
    expect(() => resolveConfig({ code })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(part),
        hint: expect.any(String),
      }),
    );
  });

  it.each<[TamperConfig]>([
    [{ ...vault, vaultAddr: 'http://vault.example.com:8200' }],
    [{ ...vault, vaultAddr: 'http://127.0.0.1.example.com:8200' }],
    [{ keySource: 'gcp-kms', keyId: 'k', gcpEndpoint: 'http://kms.example.com' }],
    [{ anchors: ['http://anchor.example.com'] }],
  ])('refuses plain http to another host: %j', (code) => {
    expect(() => resolveConfig({ code })).toThrow(expect.objectContaining({ code: 'INSECURE_ENDPOINT' }));
  });

  it.each(['http://127.0.0.1:8200', 'http://localhost:1', 'http://[::1]:8200', 'https://vault.example.com'])(
    'takes %s',
    (vaultAddr) => {
      expect(resolveConfig({ code: { ...vault, vaultAddr } }).config.vaultAddr).toBe(vaultAddr);
    },
  );

  it('warns of a literal credential without showing it', () => {
    const { warnings } = resolveConfig({ code: { ...vault, vaultToken: 'hvs.canary' } });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('vaultToken (code) is a literal credential');
    expect(warnings.join()).not.toContain('canary');
  });
});

describe('a literal credential', () => {
  it('is shown by nothing that prints a configuration, and still there', () => {
    const { config } = resolveConfig({ code: { ...vault, vaultToken: 'hvs.canary' } });
    const again = resolveConfig({ code: { ...config } }).config;
    for (const one of [config, again]) {
      expect(one.vaultToken).toBe('hvs.canary');
      expect(inspect({ one }, { depth: 9 }) + JSON.stringify({ one })).not.toContain('canary');
      expect(JSON.parse(JSON.stringify(one))).toMatchObject({ vaultToken: '[redacted]', keySource: 'vault' });
    }
  });
});

describe('modeOf', () => {
  const cases: [TamperConfig, object][] = [
    [{}, { name: 'data-key', records: 'mac', dataKey: { source: 'env', keyId: 'default' }, signingIfNoDataKey: false }],
    [
      { algorithm: 'Ed25519', keyId: 'k' },
      { name: 'signing', records: 'hash', signingKey: { source: 'env', keyId: 'k' } },
    ],
    [aws, { name: 'data-key', dataKey: { source: 'aws-kms', keyId: 'alias/a' } }],
    [
      { ...aws, useKmsSigning: true },
      { name: 'signing', signingKey: { source: 'aws-kms', keyId: 'alias/a' } },
    ],
    [
      { ...aws, algorithm: 'Ed25519' },
      { name: 'signing', records: 'hash' },
    ],
    [
      { ...aws, signingKeyId: 'alias/s' },
      {
        name: 'both',
        records: 'mac',
        dataKey: { source: 'aws-kms', keyId: 'alias/a' },
        signingKey: { source: 'aws-kms', keyId: 'alias/s' },
      },
    ],
    [
      { signingKeyId: 'alias/s', signingKeySource: 'aws-kms', useKmsSigning: true },
      {
        name: 'both',
        dataKey: { source: 'env', keyId: 'default' },
        signingKey: { source: 'aws-kms', keyId: 'alias/s' },
      },
    ],
    [
      { keySource: 'azure-keyvault', keyId: 'k' },
      { name: 'data-key', signingIfNoDataKey: true },
    ],
    [
      { keySource: 'azure-keyvault', keyId: 'k', useKmsSigning: false },
      { name: 'data-key', signingIfNoDataKey: false },
    ],
    [
      { keySource: 'azure-keyvault', keyId: 'k', useKmsSigning: true },
      { name: 'signing', signingIfNoDataKey: false },
    ],
    [{ ...vault, keyId: 'audit-2025' }, { dataKey: { source: 'vault', keyId: 'transit/keys/audit' } }],
    [{ ...vault, signingKeyId: 'sign' }, { signingKey: { source: 'vault', keyId: 'transit/keys/sign' } }],
  ];
  it.each(cases)('%j', (code, mode) => {
    expect(modeOf(resolveConfig({ code }).config)).toMatchObject(mode);
  });
});
