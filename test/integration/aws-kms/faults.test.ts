import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TamperError } from '../../../src/errors.ts';
import { type KeyEvent, onKeyEvent } from '../../../src/index.ts';
import { type AwsKmsOptions, AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { awsError, type KmsProxy, startKmsProxy } from '../../servers/kms-proxy.ts';
import { AwsEnvironment } from './environment.ts';

const context = { origin: 'audit.example.com/payments/host-7', kid: 'c0ffee00.1' };
const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const secrets = {
  AWS_ACCESS_KEY_ID: 'ASIATESTTESTTESTTEST',
  AWS_SECRET_ACCESS_KEY: 'canary-secret-access-key',
  AWS_SESSION_TOKEN: 'canary-session-token',
};
const plaintext = Buffer.from('canary-plaintext-of-a-data-key!!');
const good = {
  status: 200,
  json: {
    KeyId: arn,
    Plaintext: plaintext.toString('base64'),
    CiphertextBlob: Buffer.alloc(100, 1).toString('base64'),
    KeyMaterialId: 'a'.repeat(64),
  },
};

let environment: AwsEnvironment;
let proxy: KmsProxy;
let providers: AwsKmsProvider[];
let seen: string[];
let stopListening: () => void;
let events: KeyEvent[];

beforeEach(async () => {
  environment = await AwsEnvironment.begin(secrets);
  proxy = await startKmsProxy();
  providers = [];
  seen = [];
  events = [];
  stopListening = onKeyEvent((event) => events.push(event));
});
afterEach(async () => {
  stopListening();
  const printed = [
    ...seen,
    ...events.map((event) => JSON.stringify(event)),
    inspect(providers, { depth: 20, showHidden: true }),
  ];
  const forms = (secret: Buffer): string[] =>
    (['latin1', 'hex', 'base64', 'base64url'] as const).map((e) => secret.toString(e));
  const canaries = [secrets.AWS_SECRET_ACCESS_KEY, secrets.AWS_SESSION_TOKEN, ...forms(plaintext), 'canary-body'];
  for (const canary of canaries) expect(printed.filter((text) => text.includes(canary))).toEqual([]);
  for (const provider of providers) await provider.close();
  await proxy.stop();
  await environment.end();
});

function provider(options: AwsKmsOptions = {}): AwsKmsProvider {
  const made = new AwsKmsProvider({ endpoint: proxy.url, maxAttempts: 1, ...options });
  providers.push(made);
  return made;
}

/** The error of a call, with everything that anybody could print of it kept for the canary test. */
async function failureOf(promise: Promise<unknown>): Promise<TamperError> {
  const error = await promise.then(
    () => expect.fail('it worked'),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(TamperError);
  seen.push(inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error));
  return error as TamperError;
}

describe('what AWS says, through the SDK', () => {
  it.each<[string, string, number?]>([
    ['NotFoundException', 'KEY_NOT_FOUND'],
    ['InvalidArnException', 'KEY_NOT_FOUND'],
    ['DisabledException', 'KEY_DISABLED'],
    ['InvalidKeyUsageException', 'KEY_WRONG_USAGE'],
    ['UnsupportedOperationException', 'KEY_WRONG_USAGE'],
    ['IncorrectKeyException', 'WRONG_KEY_OR_CONTEXT'],
    ['InvalidCiphertextException', 'WRONG_KEY_OR_CONTEXT'],
    ['AccessDeniedException', 'ACCESS_DENIED'],
    ['UnrecognizedClientException', 'UNAUTHENTICATED'],
    ['ExpiredTokenException', 'UNAUTHENTICATED'],
    ['InvalidSignatureException', 'UNAUTHENTICATED'],
    ['MissingAuthenticationTokenException', 'UNAUTHENTICATED'],
    ['IncompleteSignatureException', 'UNAUTHENTICATED'],
    ['ThrottlingException', 'THROTTLED'],
    ['TooManyRequestsException', 'THROTTLED', 429],
    ['LimitExceededException', 'THROTTLED'],
    ['KMSInternalException', 'UNAVAILABLE', 500],
    ['DependencyTimeoutException', 'UNAVAILABLE', 500],
    ['KeyUnavailableException', 'UNAVAILABLE', 500],
    ['ServiceUnavailableException', 'UNAVAILABLE', 503],
    ['ValidationException', 'USAGE'],
    ['SomethingNewException', 'USAGE'],
    ['SomethingNewException', 'UNAVAILABLE', 500],
  ])('%s is %s', async (name, code, status = 400) => {
    // AWS repeats headers below the first line, and in the first line where a signature is at fault
    const gap = /Signature|MissingAuth/.test(name) ? ' ' : '\n\n';
    proxy.fault = () => awsError(name, `about it${gap}x-amz-security-token:${secrets.AWS_SESSION_TOKEN}`, status);
    const error = await failureOf(provider().getKey(arn, context));
    expect(error).toMatchObject({ code, requestId: 'request-id-of-the-proxy' });
    expect(error.message).toContain(arn);
    expect(error.message).toContain(name);
    expect(error.retryable).toBe(code === 'THROTTLED' || code === 'UNAVAILABLE');
    expect(error.cause).toMatchObject({ name });
    expect(Object.keys(error.cause as object)).toEqual(['name']);
    expect(events.at(-1)).toMatchObject({ operation: 'getKey', outcome: code, requestId: 'request-id-of-the-proxy' });
  });

  it.each([
    ['is pending deletion.', 'KEY_PENDING_DELETION'],
    ['is pending import.', 'KEY_VERSION_UNAVAILABLE'],
    ['is creating.', 'KEY_VERSION_UNAVAILABLE'],
    ['is unavailable.', 'KEY_VERSION_UNAVAILABLE'],
  ])('KMSInvalidStateException, "%s", is %s', async (words, code) => {
    proxy.fault = () => awsError('KMSInvalidStateException', `${arn} ${words}`);
    expect(await failureOf(provider().getKey(arn, context))).toMatchObject({ code, retryable: false });
  });
});

describe('retries', () => {
  it('are the SDK’s alone: as many as configured, and not one more', async () => {
    proxy.fault = () => awsError('ThrottlingException', 'Rate exceeded');
    expect(await failureOf(provider({ maxAttempts: 2 }).getKey(arn, context))).toMatchObject({ code: 'THROTTLED' });
    expect(proxy.calls).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ attempts: 2 });
  });

  it('end with the first answer that is good', async () => {
    proxy.fault = () => (proxy.calls.length === 1 ? awsError('ThrottlingException', 'Rate exceeded') : good);
    const key = await provider({ maxAttempts: 3 }).getKey(arn, context);
    expect(key.material.equals(plaintext)).toBe(true);
    key.erase();
    expect(events.at(-1)).toMatchObject({ outcome: 'ok', attempts: 2, identity: `${arn}#${'a'.repeat(64)}` });
  });
});

describe('deadlines', () => {
  it('end an attempt that hangs', async () => {
    proxy.fault = () => 'hang';
    // nothing else would: the deadline of the whole call is far away
    const hanging = provider({ requestTimeoutMs: 200, maxAttempts: 2, timeoutMs: 600_000 });
    expect(await failureOf(hanging.getKey(arn, context))).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(proxy.calls).toHaveLength(2);
  });

  it('end a call whatever its attempts do', async () => {
    proxy.fault = () => 'hang';
    const error = await failureOf(
      provider({ requestTimeoutMs: 60_000, maxAttempts: 9, timeoutMs: 300 }).getKey(arn, context),
    );
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('300 ms') });
  });

  it('give way to the caller’s signal', async () => {
    proxy.fault = () => 'hang';
    const error = await failureOf(provider().getKey(arn, context, { signal: AbortSignal.timeout(100) }));
    expect(error).toMatchObject({ code: 'ABORTED' });
  });

  it('do not outlive close()', async () => {
    const closing = provider({ requestTimeoutMs: 60_000 });
    proxy.fault = () => {
      void closing.close();
      return 'hang';
    };
    const error = await failureOf(closing.getKey(arn, context));
    expect(error).toMatchObject({ code: 'PROVIDER_CLOSED' });
  });
});

describe('replies that cannot be read', () => {
  const half = JSON.stringify(good.json).slice(0, 120);
  it.each<[string, ReturnType<KmsProxy['fault']>, string]>([
    ['half a reply that says it is whole', { status: 200, raw: half }, 'RESPONSE_MALFORMED'],
    ['a reply that is cut', { status: 200, raw: half, cut: true }, 'UNAVAILABLE'],
    ['no JSON', { status: 200, raw: 'canary-body' }, 'RESPONSE_MALFORMED'],
    [
      'bytes that are no base64',
      { status: 200, json: { ...good.json, Plaintext: '%canary-body%' } },
      'RESPONSE_MALFORMED',
    ],
    ['a page of a proxy', { status: 502, raw: '<html>canary-body</html>' }, 'UNAVAILABLE'],
    ['a login page', { status: 403, raw: '<html>canary-body</html>' }, 'ACCESS_DENIED'],
    ['a cut connection', 'drop', 'UNAVAILABLE'],
  ])('%s', async (_what, fault, code) => {
    proxy.fault = () => fault;
    expect(await failureOf(provider().getKey(arn, context))).toMatchObject({ code });
  });
});

describe('what stands between', () => {
  it('nobody listens', async () => {
    const other = await startKmsProxy();
    await other.stop();
    const error = await failureOf(provider({ endpoint: other.url }).getKey(arn, context));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });

  it('no TLS where it was expected', async () => {
    const error = await failureOf(provider({ endpoint: proxy.url.replace('http:', 'https:') }).getKey(arn, context));
    expect(error).toMatchObject({ code: 'TLS_FAILED' });
  });

  it('FIPS and an endpoint of one’s own exclude each other', async () => {
    const error = await failureOf(provider({ useFipsEndpoint: true }).getKey(arn, context));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('no region', async () => {
    delete process.env['AWS_REGION'];
    const error = await failureOf(provider().getKey('alias/audit', context));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', hint: expect.stringContaining('aws_region') });
    proxy.fault = () => good;
    (await provider().getKey(arn, context)).erase(); // an ARN names its own
  });

  it('plain http to another host, named by the profile', async () => {
    const config =
      '[default]\nservices = local\n\n[services local]\nkms =\n  endpoint_url = http://198.51.100.1:4566\n';
    process.env['AWS_CONFIG_FILE'] = await environment.file('config', config);
    const made = new AwsKmsProvider({ maxAttempts: 1 });
    providers.push(made);
    expect(await failureOf(made.getKey(arn, context))).toMatchObject({ code: 'INSECURE_ENDPOINT' });
  });
});

it('a good key stays out of every print, too', async () => {
  proxy.fault = () => good;
  const key = await provider().getKey(arn, context);
  seen.push(inspect(key, { depth: 20, showHidden: true }), JSON.stringify(key));
  expect(key.material.equals(plaintext)).toBe(true);
  key.erase();
});
