import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import { stringify } from 'yaml';
import { readConfigFile } from '../../src/config/file.ts';
import { readFlags } from '../../src/config/flags.ts';
import { fileName, type OptionName, optionNames, resolveConfig, variableName } from '../../src/config/index.ts';
import type { TamperConfig } from '../../src/index.ts';

/** A value for every option that is not its default, together a configuration that goes together. */
const sample: Required<TamperConfig> = {
  enabled: false,
  algorithm: 'HMAC-SHA256',
  keyId: 'audit',
  keySource: 'file',
  keyEnvVar: 'AUDIT_KEY',
  keyFilePath: '/etc/keys/audit.key',
  keyProviderModule: './provider.mjs',
  keyProviderOptions: { url: 'https://keys.example.com', regions: ['eu', 'us'], retries: 2 },
  keyCacheTtlSeconds: 60,
  useKmsSigning: false,
  saltRecords: true,
  signingKeyId: 'sign',
  signingKeySource: 'custom',
  signingKeyEnvVar: 'SIGN_KEY',
  signingKeyFilePath: '/etc/keys/sign.pem',
  postQuantumKeyId: 'alias/pq',
  postQuantumKeySource: 'aws-kms',
  postQuantumKeyEnvVar: 'PQ_KEY',
  postQuantumKeyFilePath: '/etc/keys/pq.pem',
  noteKeyFilePath: '/etc/keys/note.pem',
  awsRegion: 'eu-west-1',
  awsProfile: 'audit',
  gcpEndpoint: 'kms.example.com:443',
  azureTenantId: 'tenant',
  azureClientId: 'client',
  vaultAddr: 'https://vault.example.com:8200',
  vaultToken: 'token: with # signs',
  vaultTokenFile: '/run/token',
  vaultPath: 'transit/keys/audit',
  vaultAuthMethod: 'token',
  vaultAuthMount: 'auth-1',
  vaultRole: 'writer',
  vaultSecretIdFile: '/run/secret-id',
  vaultSecretIdWrapped: true,
  vaultJwtPath: '/run/jwt',
  vaultAuthNamespace: 'team',
  vaultNamespace: 'team/a',
  vaultCaFile: '/etc/ca.pem',
  vaultClientCertFile: '/etc/cert.pem',
  vaultClientKeyFile: '/etc/key.pem',
  vaultServerName: 'vault.internal',
  file: '/var/log/audit-{pid}.jsonl',
  origin: 'example.com/{host}/{basename}',
  stateDir: '/var/lib/audit',
  flushEvery: 'line',
  fsyncOnWrite: true,
  fsyncOnRotate: false,
  compressRotated: true,
  rotateChain: true,
  rotateMaxBytes: 1_000_000,
  rotateIntervalSeconds: 3_600,
  verifyOnClose: true,
  alertOnFailure: false,
  tee: true,
  anchors: ['/mnt/anchor', 'https://anchor.example.com/x'],
  checkpointMaxRecords: 100,
  checkpointMaxSeconds: 5,
  heartbeatSeconds: 30,
  maxEpochSeconds: 600,
  onKmsFailure: 'stop',
  maxUnsignedSeconds: 90,
  closeTimeoutSeconds: 9,
  onStartFailure: 'stop',
  onWriteFailure: 'drop',
  onFailure: 'exit',
  onStateConflict: 'new_stream',
  maxLineBytes: 65_536,
  maxPendingBytes: 131_072,
  onIntegrity: 'wrap',
};

const isMap = (value: unknown): boolean => typeof value === 'object' && !Array.isArray(value);

const directory = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(directory, { recursive: true }));

const entries = Object.entries(sample) as [OptionName, TamperConfig[OptionName]][];
const inFile = Object.fromEntries(entries.map(([name, value]) => [fileName(name), value]));

function written(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('every option, from every place', () => {
  it('the sample has them all', () => {
    expect(Object.keys(sample)).toEqual(optionNames);
    expectTypeOf<keyof TamperConfig>().toEqualTypeOf<OptionName>();
  });

  it('code', () => {
    const { config, places } = resolveConfig({ code: sample });
    expect(config).toEqual(sample);
    expect(new Set(places.values())).toEqual(new Set(['code']));
  });

  it('YAML', () => {
    const path = written('all.yaml', stringify(inFile));
    const { config, places } = resolveConfig({ file: readConfigFile(path) });
    expect(config).toEqual(sample);
    for (const name of optionNames) expect(places.get(name)).toMatch(new RegExp(`^file ${path}:\\d+$`));
    expect(places.get('algorithm')).toBe(`file ${path}:2`);
  });

  it('JSON', () => {
    const path = written('all.json', JSON.stringify(inFile, undefined, 2));
    expect(resolveConfig({ file: readConfigFile(path) }).config).toEqual(sample);
  });

  it('environment', () => {
    const text = (value: unknown): string => (isMap(value) ? JSON.stringify(value) : String(value));
    const env = Object.fromEntries(entries.map(([name, value]) => [variableName(name), text(value)]));
    const { config, places } = resolveConfig({ env });
    expect(config).toEqual(sample);
    for (const name of optionNames) expect(places.get(name)).toBe(`environment variable ${variableName(name)}`);
  });

  it('flags, but for what may be a literal credential', () => {
    const argv = entries.flatMap(([name, value]) => {
      const flag = fileName(name).replaceAll('_', '-');
      if (name === 'vaultToken' || name === 'keyProviderOptions') return [];
      if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
      return [`--${flag}`, String(value)];
    });
    const { config: flags, positionals } = readFlags(argv, {}, true);
    expect(positionals).toEqual([]);
    const { vaultToken, keyProviderOptions, ...rest } = sample;
    expect(resolveConfig({ flags }).config).toEqual(rest);
  });

  it('a stronger place wins for each option', () => {
    const path = written('weak.yaml', stringify(inFile));
    const other: TamperConfig = { ...sample, keyId: 'other', tee: false, anchors: ['/other'], rotateMaxBytes: 0 };
    const { config } = resolveConfig({ code: other, file: readConfigFile(path) });
    expect(config).toEqual(other);
  });
});
