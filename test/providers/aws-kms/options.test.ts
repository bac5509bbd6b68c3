import { afterEach, describe, expect, it } from 'vitest';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { FakeKms } from './fake-client.ts';

const names = [
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_KMS',
  'AWS_ENDPOINT_URL_STS',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
];
afterEach(() => {
  for (const name of names) delete process.env[name];
});

describe('plain http', () => {
  it.each([
    'http://kms.example.com',
    'HTTP://10.0.0.1:4566',
    'http://127.0.0.1.example.com/',
    'http://user:pass@[fe80::1]/',
  ])('to %s is refused and not repeated', (endpoint) => {
    expect(() => new AwsKmsProvider({ endpoint })).toThrow(
      expect.objectContaining({
        code: 'INSECURE_ENDPOINT',
        message: 'AWS KMS: option endpoint is plain http to another host',
      }),
    );
  });

  it.each(['http://127.0.0.1:4566', 'http://localhost:4566', 'http://[::1]:4566', 'https://kms.example.com'])(
    'to %s is fine',
    (endpoint) => {
      expect(() => new AwsKmsProvider({ endpoint })).not.toThrow();
    },
  );

  it('is allowed by an option of its own', () => {
    expect(() => new AwsKmsProvider({ endpoint: 'http://kms.example.com', allowInsecureEndpoint: true })).not.toThrow();
  });

  it.each(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_KMS', 'AWS_ENDPOINT_URL_STS'])('from %s is refused too', (name) => {
    process.env[name] = 'http://kms.example.com';
    expect(() => new AwsKmsProvider()).toThrow(
      expect.objectContaining({ code: 'INSECURE_ENDPOINT', message: expect.stringContaining(name) }),
    );
    process.env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] = 'true';
    expect(() => new AwsKmsProvider()).not.toThrow();
  });
});

describe('options', () => {
  it.each(['region', 'endpoint', 'maxAttempts', 'useFipsEndpoint'] as const)(
    '%s is refused with a client given in',
    (name) => {
      const value = { region: 'eu-west-1', endpoint: 'https://kms.example.com', maxAttempts: 2, useFipsEndpoint: true }[
        name
      ];
      expect(() => new AwsKmsProvider({ client: new FakeKms(), [name]: value })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
      );
    },
  );

  it.each([{ maxAttempts: 0 }, { timeoutMs: 1.5 }, { concurrency: Number.NaN }, { requestTimeoutMs: -1 }])(
    '%j is refused',
    (options) => {
      expect(() => new AwsKmsProvider(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );
});
