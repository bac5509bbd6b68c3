import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readConfigFile } from '../../src/config/file.ts';
import { type ConfigFile, resolveConfig } from '../../src/config/index.ts';
import { isTamperError, type TamperError } from '../../src/errors.ts';
import type { TamperConfig } from '../../src/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function load(name: string, text: string | Uint8Array): ConfigFile {
  return readConfigFile(file(name, text));
}

function refusal(run: () => unknown): TamperError {
  try {
    run();
  } catch (error) {
    if (isTamperError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('precedence', () => {
  it('takes code over environment over file over default, and says which', () => {
    const path = file(
      'all.yaml',
      '# comment\nfile: from-file.jsonl\nstate_dir: from-file\ncheckpoint_max_records: 5\n',
    );
    const { config, places } = resolveConfig({
      code: { file: 'from-code.jsonl' },
      env: { FAPILOG_TAMPER_FILE: 'from-env.jsonl', FAPILOG_TAMPER_STATE_DIR: 'from-env', PATH: '/bin' },
      file: readConfigFile(path),
    });
    expect(config).toMatchObject({
      file: 'from-code.jsonl',
      stateDir: 'from-env',
      checkpointMaxRecords: 5,
      heartbeatSeconds: 300,
    });
    expect(places.get('file')).toBe('code');
    expect(places.get('stateDir')).toBe('environment variable FAPILOG_TAMPER_STATE_DIR');
    expect(places.get('checkpointMaxRecords')).toBe(`file ${path}:4`);
    expect(places.get('heartbeatSeconds')).toBe('default');
    expect(places.has('awsRegion')).toBe(false);
  });

  it('names the flag', () => {
    const { places } = resolveConfig({ flags: { stateDir: 'x' } });
    expect(places.get('stateDir')).toBe('flag --state-dir');
  });

  it('takes undefined in code as not set', () => {
    const { config, places } = resolveConfig({ code: { file: undefined } as unknown as TamperConfig });
    expect(config.file).toBe('-');
    expect(places.get('file')).toBe('default');
  });

  it('lets the environment not be read unless given', () => {
    vi.stubEnv('FAPILOG_TAMPER_FILE', 'leak.jsonl');
    try {
      expect(resolveConfig().config.file).toBe('-');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('defaults', () => {
  it('waits 1 second with local keys and 60 with a key service', () => {
    expect(resolveConfig().config.checkpointMaxSeconds).toBe(1);
    expect(resolveConfig({ code: { keySource: 'aws-kms', keyId: 'alias/a' } }).config.checkpointMaxSeconds).toBe(60);
    const mixed = { keyId: 'a', signingKeyId: 'alias/a', signingKeySource: 'aws-kms' } as const;
    expect(resolveConfig({ code: mixed }).config.checkpointMaxSeconds).toBe(60);
    const short = { keySource: 'aws-kms', keyId: 'alias/a', heartbeatSeconds: 20 } as const;
    expect(resolveConfig({ code: short }).config.checkpointMaxSeconds).toBe(20);
  });

  it('leaves use_kms_signing unset, which Azure needs to tell from false', () => {
    expect(resolveConfig().config.useKmsSigning).toBeUndefined();
  });
});

describe('unknown options', () => {
  it('in a file: names option, place and nearest', () => {
    const path = file('typo.yaml', 'key_id: a\nkey_sorce: env\n');
    const error = refusal(() => resolveConfig({ file: readConfigFile(path) }));
    expect(error).toMatchObject({
      code: 'CONFIG_UNKNOWN_OPTION',
      message: `unknown option key_sorce (file ${path}:2)`,
      hint: 'Did you mean key_source?',
    });
  });

  it('camelCase in a file is unknown and names the file spelling', () => {
    const error = refusal(() => resolveConfig({ file: load('camel.yaml', 'keySource: env\n') }));
    expect(error.hint).toBe('Did you mean key_source?');
  });

  it('snake_case in code is unknown and names the code spelling', () => {
    const error = refusal(() => resolveConfig({ code: { key_source: 'env' } as unknown as TamperConfig }));
    expect(error).toMatchObject({
      code: 'CONFIG_UNKNOWN_OPTION',
      message: 'unknown option key_source (code)',
      hint: 'Did you mean keySource?',
    });
  });

  it('in the environment', () => {
    const error = refusal(() => resolveConfig({ env: { FAPILOG_TAMPER_KEYID: 'a' } }));
    expect(error).toMatchObject({
      code: 'CONFIG_UNKNOWN_OPTION',
      message: 'unknown option FAPILOG_TAMPER_KEYID (environment)',
      hint: 'Did you mean FAPILOG_TAMPER_KEY_ID?',
    });
  });

  it('a prototype name is no option', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const path = file('proto.yaml', `${name}: 1\n`);
      expect(refusal(() => resolveConfig({ file: readConfigFile(path) })).code).toBe('CONFIG_UNKNOWN_OPTION');
    }
  });

  it('variables that hold keys are no options', () => {
    const key = 'x'.repeat(44);
    const env = { FAPILOG_TAMPER_KEY: key, FAPILOG_TAMPER_SIGNING_KEY: key, FAPILOG_TAMPER_CONFIG: 'x' };
    expect(resolveConfig({ env }).config.keyEnvVar).toBe('FAPILOG_TAMPER_KEY');
    expect(refusal(() => resolveConfig({ env: { FAPILOG_TAMPER_KEY_2: key } })).message).not.toContain(key);
    resolveConfig({ env: { FAPILOG_TAMPER_KEY_2: key }, keyVariables: ['FAPILOG_TAMPER_KEY_2'] });
    resolveConfig({ env: { FAPILOG_TAMPER_KEY_2: key, FAPILOG_TAMPER_KEY_ENV_VAR: 'FAPILOG_TAMPER_KEY_2' } });
  });
});

describe('environment values', () => {
  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('boolean %s', (text, value) => {
    expect(resolveConfig({ env: { FAPILOG_TAMPER_ENABLED: text } }).config.enabled).toBe(value);
  });

  it.each(['True', 'yes', 'no', 'on', '', ' true', '2', 'null'])('refuses boolean %j', (text) => {
    const error = refusal(() => resolveConfig({ env: { FAPILOG_TAMPER_ENABLED: text } }));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(
      'option enabled (environment variable FAPILOG_TAMPER_ENABLED) must be true or false',
    );
  });

  it.each(['1e3', '0x10', '010', '-1', '1.5', '', ' 5', '5 ', '9'.repeat(20), 'Infinity', 'NaN'])(
    'refuses integer %j',
    (text) => {
      const error = refusal(() => resolveConfig({ env: { FAPILOG_TAMPER_CHECKPOINT_MAX_RECORDS: text } }));
      expect(error.code).toBe('CONFIG_INVALID');
    },
  );

  it('splits lists', () => {
    const env = { FAPILOG_TAMPER_ANCHORS: '/mnt/a, https://anchor.example.com/x' };
    expect(resolveConfig({ env }).config.anchors).toEqual(['/mnt/a', 'https://anchor.example.com/x']);
  });

  it('shows no text value, for it may be a pasted secret', () => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYyE=';
    const error = refusal(() => resolveConfig({ env: { FAPILOG_TAMPER_KEY_ENV_VAR: secret } }));
    expect(error.message).toContain('must be the name of an environment variable, not its value');
    expect(`${error.message}${error.hint}${error.stack}`).not.toContain(secret);
  });
});

describe('files', () => {
  it('JSON', () => {
    const path = file('ok.json', '{\n "key_id": "a",\n "anchors": ["/x"]\n}');
    expect(resolveConfig({ file: readConfigFile(path) }).config).toMatchObject({ keyId: 'a', anchors: ['/x'] });
  });

  it('an empty one sets nothing', () => {
    for (const text of ['', '---\n', '# only a comment\n', 'null\n']) {
      expect(resolveConfig({ file: load('empty.yaml', text) }).config.file).toBe('-');
    }
  });

  it.each([
    ['duplicate key', 'a.yaml', 'key_id: a\nfile: x\nkey_id: b\n', 'CONFIG_INVALID', ':3: '],
    ['duplicate key in JSON', 'a.json', '{"key_id": "a",\n"key_id": "b"}', 'CONFIG_INVALID', ':2: '],
    ['broken JSON', 'b.json', '{"key_id": "a",\n"file": }', 'CONFIG_INVALID', 'this is not JSON'],
    ['YAML in .json', 'c.json', 'key_id: a\n', 'CONFIG_INVALID', 'this is not JSON'],
    ['several documents', 'a.yaml', 'key_id: a\n---\nkey_id: b\n', 'CONFIG_INVALID', ''],
    ['a list', 'a.yaml', '- key_id\n', 'CONFIG_INVALID', ':1: the file must be a map'],
    ['a word', 'a.yaml', 'key_id\n', 'CONFIG_INVALID', ':1: the file must be a map'],
    ['no value', 'a.yaml', 'file: a\nkey_id:\n', 'CONFIG_INVALID', ':2: option key_id has no value'],
    ['an alias', 'a.yaml', 'key_id: &a x\nfile: *a\n', 'CONFIG_INVALID', ':2: aliases are not allowed'],
    [
      'a nested map',
      'a.yaml',
      'vault_addr:\n  a: b\n',
      'CONFIG_INVALID',
      ':1: option vault_addr must be a plain value',
    ],
    ['a tag', 'a.yaml', 'key_id: !!js/function x\n', 'CONFIG_INVALID', ':1: '],
    ['a merge', 'a.yaml', '<<: { key_id: a }\n', 'CONFIG_UNKNOWN_OPTION', ''],
    ['a number for text', 'a.yaml', 'key_id: 7\n', 'CONFIG_INVALID', ':1) must be text'],
    [
      'text for a number',
      'a.yaml',
      '\nheartbeat_seconds: "7"\n',
      'CONFIG_INVALID',
      ':2) must be a whole number, not "7"',
    ],
    [
      'a boolean word of YAML 1.1',
      'a.yaml',
      'enabled: yes\n',
      'CONFIG_INVALID',
      ':1) must be true or false, not "yes"',
    ],
    ['a wrong choice', 'a.yaml', 'key_source: aws\n', 'CONFIG_INVALID', 'must be one of env, file, aws-kms'],
    ['a tab', 'a.yaml', 'key_id: a\n\tfile: x\n', 'CONFIG_INVALID', ''],
  ])('refuses %s', (_, name, text, code, part) => {
    const error = refusal(() => resolveConfig({ file: load(name, text) }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(join(directory, name));
    expect(error.message).toContain(part);
    expect(error.message).not.toContain('\n');
    expect(error.hint).toBeTruthy();
  });

  it('quotes nothing of a broken file, for it may hold a token', () => {
    for (const [name, text] of [
      ['a.json', '{"vault_token": "hvs.canary", }'],
      ['a.json', 'hvs.canary'],
      ['a.yaml', 'vault_token: "hvs.canary\n'],
      ['a.yaml', '}hvs.canary'],
      ['a.yaml', 'vault_token: &x !y hvs.canary\n'],
      ['a.yaml', 'vault_token: [hvs.canary]\n'],
    ] as const) {
      const error = refusal(() => resolveConfig({ file: load(name, text) }));
      expect(inspect(error, { depth: 9 })).not.toContain('canary');
    }
  });

  it('prints without a token that it holds', () => {
    const read = load('token.yaml', 'vault_token: hvs.canary\nkey_id: a\n');
    expect(inspect(read, { depth: 9 }) + JSON.stringify(read)).not.toContain('canary');
    expect(resolveConfig({ file: read }).config.vaultToken).toBe('hvs.canary');
  });

  it('refuses bytes that are not UTF-8, a directory, and a missing file', () => {
    expect(refusal(() => resolveConfig({ file: load('latin.yaml', Buffer.from([0x61, 0xff])) })).message).toContain(
      'is not UTF-8',
    );
    expect(refusal(() => resolveConfig({ file: readConfigFile(directory) })).code).toBe('CONFIG_UNREADABLE');
    const missing = refusal(() => resolveConfig({ file: readConfigFile(join(directory, 'none.yaml')) }));
    expect(missing).toMatchObject({ code: 'CONFIG_UNREADABLE' });
    expect(missing.message).toContain('none.yaml');
    expect(refusal(() => resolveConfig({ file: load('big.yaml', Buffer.alloc(1_048_577, 0x20)) })).code).toBe(
      'CONFIG_INVALID',
    );
  });
});
