import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../../src/index.ts';
import {
  auditorKeys,
  createSealer,
  type DataKey,
  formatVkey,
  type KeyProvider,
  type SigningKey,
  type VerifyReport,
  verify,
} from '../../../src/index.ts';
import { startGcpKms } from '../../servers/gcp-kms/start.ts';
import { BaoNamespace } from '../../servers/openbao.ts';
import { running } from '../../servers/running.ts';
import { type BuiltPackage, buildPackage, type RunResult } from '../../support/built-package.ts';
import { testCredentials, useEnvironmentCredentials } from '../aws-kms/admin.ts';
import { useAzureServer, writer } from '../azure-keyvault/setup.ts';
import { becomeMachine, machineEnvironment } from '../gcp-kms/environment.ts';
import { type Mode, type Place, placesOf, type Services } from './places.ts';

/**
 * One log whose keys come from six sources in turn, until they have changed forty times: within a run where the source rotates, by
 * a restart where the source itself changes. Then every server is stopped.
 */

const ROTATIONS = 40;
/** In milliseconds, for a machine that has other things to do. */
const PATIENCE = 900_000;
const modes: readonly Mode[] = ['signing', 'data key', 'both'];
const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
const azure = useAzureServer({ shared: true });
let directory = '';
let built: BuiltPackage;
const stops: (() => Promise<void>)[] = [];

/** A log with its keys, as an auditor comes to hold them. */
interface Log {
  readonly mode: Mode;
  readonly origin: string;
  readonly directory: string;
  readonly file: string;
  readonly places: readonly Place[];
  /** Every public key that a source handed out. */
  readonly signers: Map<string, SigningKey>;
  /** Every data key, in several spellings. */
  readonly secrets: string[];
  records: number;
  recovered: RunResult | undefined;
}
const logs = new Map<Mode, Log>();
const logOf = (mode: Mode): Log => {
  const log = logs.get(mode);
  if (log === undefined) throw new Error(`there is no log of the mode ${mode}`);
  return log;
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'forty-rotations-'));
  useEnvironmentCredentials();
  const [gcp, vault, auditor] = await Promise.all([startGcpKms(), BaoNamespace.make(), buildPackage({ own: true })]);
  built = auditor;
  stops.push(
    () => gcp.stop(),
    () => vault.stop(),
  );
  for (const name of ['@aws-sdk/client-kms', '@google-cloud/kms', '@azure/keyvault-keys', '@azure/identity']) {
    mkdirSync(dirname(join(built.directory, 'node_modules', name)), { recursive: true });
    symlinkSync(realpathSync(join(modules, name)), join(built.directory, 'node_modules', name));
  }
  await becomeMachine(gcp);
  await vault.api('POST', 'sys/mounts/transit', { type: 'transit' });
  const [localstack, ministack] = [running('localstack').url, running('ministack').url];
  const services: Services = { localstack, ministack, gcp, azure, vault };
  await Promise.all(
    modes.map(async (mode) => {
      const own = join(directory, mode.replace(' ', '-'));
      mkdirSync(own);
      const log: Log = {
        mode,
        origin: `audit.example.com/forty/${mode.replace(' ', '-')}`,
        directory: own,
        file: join(own, 'audit.jsonl'),
        places: await placesOf(mode, services, own),
        signers: new Map(),
        secrets: [],
        records: 0,
        recovered: undefined,
      };
      logs.set(mode, log);
      await sealForty(log);
    }),
  );
  for (const log of logs.values()) log.recovered = await recoverKeysOf(log, services);
  for (const log of logs.values()) for (const { provider } of log.places) await provider.close();
  for (const stop of stops.splice(0)) await stop();
  await azure.server.close();
}, PATIENCE);
afterAll(async () => {
  for (const stop of stops) await stop();
  built?.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Seals until the keys have changed forty times. */
async function sealForty(log: Log): Promise<void> {
  const { origin, file, places } = log;
  for (let rotations = -1; rotations < ROTATIONS; ) {
    for (const place of places) {
      if (rotations >= ROTATIONS) break;
      const sealer = createSealer({
        file,
        origin,
        stateDir: join(log.directory, 'state'),
        keyCacheTtlSeconds: 1,
        checkpointMaxSeconds: 60,
        ...place.options,
        keyProvider: noting(log, place.provider),
      });
      const write = async (): Promise<void> => {
        for (let line = 0; line < 3; line++) sealer.write(`{"place":"${place.name}","n":${++log.records}}`);
        await sealer.flush();
      };
      await sealer.ready;
      rotations++; // the keys of another place, or the first ones
      sealer.on('handover', () => rotations++);
      await write();
      const handedOver = place.handsOver ? once(sealer, 'handover') : undefined;
      await place.rotate();
      if (handedOver !== undefined) {
        await handedOver;
        await write();
      }
      await sealer.close();
    }
  }
}

/** Notes what a source hands out. */
function noting({ signers, secrets }: Log, provider: KeyProvider): KeyProvider {
  return new Proxy(provider, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        const result: unknown = await Reflect.apply(value, target, args);
        if (name === 'getSigningKey') signers.set((result as SigningKey).identity, result as SigningKey);
        if (name === 'getKey') {
          const { material } = result as DataKey;
          for (const encoding of ['hex', 'base64', 'base64url'] as const) secrets.push(material.toString(encoding));
        }
        return result;
      };
    },
  });
}

/** As an auditor does who may unwrap: one configuration for each service, and a policy that names the keys. */
async function recoverKeysOf(log: Log, { localstack, gcp, vault }: Services): Promise<RunResult> {
  const put = (name: string, lines: readonly string[]): string => {
    const path = join(log.directory, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const wraps = log.places.flatMap((place) => place.wraps);
  const named = wraps.map((wrap) => `      - { wrap: "${wrap}" }`);
  const policy = put('auditor-policy.yaml', [
    'version: 1',
    'streams:',
    `  - origin: ${log.origin}`,
    '    keys:',
    ...named,
  ]);
  const wrapOf = (name: RegExp): string => wraps.findLast((one) => name.test(one)) ?? '';
  const configs = [
    put('aws.yaml', ['key_source: aws-kms', `key_id: "${wrapOf(/^arn:/)}"`, 'aws_region: eu-west-1']),
    put('gcp.yaml', [
      'key_source: gcp-kms',
      `key_id: "${wrapOf(/^projects/)}"`,
      `gcp_endpoint: http://127.0.0.1:${gcp.ports.grpc}`,
    ]),
    put('azure.yaml', [
      'key_source: azure-keyvault',
      `key_id: "${wrapOf(/^https/)}"`,
      `azure_tenant_id: ${azure.server.tenant}`,
      `azure_client_id: ${writer.clientId}`,
    ]),
    put('vault.yaml', ['key_source: vault', `vault_path: "${wrapOf(/^transit/)}"`, `vault_addr: ${vault.url}`]),
  ];
  const authorities = put('ca.pem', [gcp.caPem, azure.server.caPem]);
  const args = ['--policy', policy, '--out', join(log.directory, 'recovered.keys'), '--format', 'json'];
  return built.run(
    [
      'keys',
      'recover',
      log.file,
      ...args,
      ...configs.flatMap((path) => ['--config', path]),
      '--keys',
      join(log.directory, 'local'),
    ].slice(0, log.mode === 'signing' ? -2 : undefined), // no local data keys there
    {
      env: {
        ...machineEnvironment(gcp),
        NODE_EXTRA_CA_CERTS: authorities,
        HOME: log.directory,
        AWS_REGION: 'eu-west-1',
        AWS_ENDPOINT_URL_KMS: localstack,
        AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
        AZURE_AUTHORITY_HOST: azure.server.authorityUrl,
        AZURE_CLIENT_SECRET: writer.secret,
        VAULT_TOKEN: vault.rootToken,
      },
    },
  );
}

interface Named {
  readonly identity: string;
  readonly vkey: string;
  readonly fingerprint: string;
}

const named = ({ origin, signers }: Log): Named[] =>
  [...signers.values()].map(({ identity, algorithm, spki }) => {
    const bytes = Buffer.from(spki ?? '');
    return {
      identity,
      vkey: formatVkey(origin, { algorithm, bytes }),
      fingerprint: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    };
  });
const worse = ({ findings }: VerifyReport): VerifyReport['findings'] =>
  findings.filter(({ severity }) => severity !== 'warning');
const recoveredFile = (log: Log): string => join(log.directory, 'recovered.keys');
/** Everything that the auditor of a log has by now, with nobody left to ask. */
const keysOf = (log: Log): Parameters<typeof auditorKeys>[0] => ({
  ...(log.mode !== 'data key' && { publicKeys: named(log).map(({ vkey }) => vkey) }),
  ...(log.mode !== 'signing' && { dataKeyFiles: [recoveredFile(log), join(log.directory, 'local')] }),
});
const audit = (log: Log, keys = keysOf(log)): Promise<VerifyReport> =>
  verify({ paths: [log.file], origin: log.origin, keys: auditorKeys(keys) });

/** A key period that lacks its key: one finding names that key and ends where the period does; nothing else is said elsewhere. */
function expectMissing(
  report: VerifyReport,
  periods: readonly (readonly [number, number])[],
  names: readonly string[],
): void {
  expect(report.verdict).toBe('undecided');
  expect(report.findings.filter(({ severity }) => severity === 'tampered')).toEqual([]);
  const found = worse(report);
  const missing = found.filter(({ code }) => code === 'NO_KEY' || code === 'KEY_NOT_NAMED');
  expect(missing.map(({ lastSeq }) => lastSeq)).toEqual(periods.map(([, last]) => last));
  for (const [at, { seq, message }] of missing.entries()) {
    const [first = 0] = periods[at] ?? [];
    expect([first, first - 2]).toContain(seq); // a hand-over is announced two entries before
    expect(
      names.filter((name) => message.includes(name)),
      message,
    ).not.toEqual([]);
  }
  for (const { seq = 0, lastSeq = seq } of found) {
    expect(periods.filter(([first, last]) => seq >= first - 2 && lastSeq <= last)).toHaveLength(1);
  }
}

describe.each(modes)('forty rotations over six sources, %s', (mode) => {
  it('every data key was recovered, or is with the auditor', () => {
    const { recovered, file, directory: own } = logOf(mode);
    expect(recovered).toMatchObject({ code: 0 });
    const { periods, complete } = JSON.parse(recovered?.stdout ?? '') as RecoveryReport;
    expect(complete).toBe(true);
    const counts = new Map<string, number>();
    for (const { outcome } of periods) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (mode === 'signing') {
      expect([...counts]).toEqual([['no-data-key', periods.length]]);
      expect(existsSync(join(own, 'recovered.keys'))).toBe(false);
    } else {
      expect([...counts.keys()].sort()).toEqual(['held', 'recovered']);
      const lines = readFileSync(join(own, 'recovered.keys'), 'latin1').split('\n');
      expect(lines).toHaveLength(2 + (counts.get('recovered') ?? 0));
    }
    const { secrets } = logOf(mode);
    expect(secrets.length > 0).toBe(mode !== 'signing');
    const told = `${readFileSync(file, 'latin1')}${recovered?.stdout}${recovered?.stderr}`;
    for (const secret of secrets) expect(told.includes(secret)).toBe(false);
  });

  it('with every server stopped the log is ok, and has them all', { timeout: PATIENCE }, async () => {
    const log = logOf(mode);
    const report = await audit(log);
    expect(worse(report)).toEqual([]);
    expect(report.verdict).toBe('ok');
    const [stream] = report.streams;
    expect(stream).toMatchObject({ records: log.records, end: 'closed', droppedLines: 0 });
    expect(stream?.keys.length).toBeGreaterThan(ROTATIONS);
    expect(new Set(stream?.keys.map(({ keyId }) => keyId)).size).toBe(stream?.keys.length);
    const sources = new Set(
      stream?.keys.flatMap(({ dataKey, signers }) => [dataKey, ...signers].flatMap((key) => key?.source ?? [])),
    );
    expect([...sources].sort()).toEqual(['aws-kms', 'azure-keyvault', 'env', 'file', 'gcp-kms', 'vault']);
    const checked = { signing: ['signature'], 'data key': ['mac'], both: ['mac', 'signature'] }[mode];
    for (const { checkedBy } of stream?.keys ?? []) expect(checkedBy).toEqual(checked);
  });

  it('a changed record is found in every key period', { timeout: PATIENCE }, async () => {
    const log = logOf(mode);
    const text = readFileSync(log.file, 'utf8');
    const { streams } = await audit(log);
    const copy = { ...log, file: join(log.directory, 'changed.jsonl') };
    for (const { firstSeq, lastSeq } of streams[0]?.keys ?? []) {
      const lines = text.split('\n');
      const at = lines.findIndex((line) => {
        const seq = Number(/"integrity":\{"seq":(\d+),"key_id"/.exec(line)?.[1]);
        return seq >= firstSeq && seq <= lastSeq;
      });
      if (at < 0) continue; // with two keys, a look between two rotations begins a key period without a record
      lines[at] = (lines[at] ?? '').replace('{"place":"', '{"place":"!');
      writeFileSync(copy.file, lines.join('\n'));
      const report = await audit(copy);
      expect(report.verdict).toBe('tampered');
      const places = report.findings.filter(({ severity }) => severity === 'tampered').map(({ line }) => line);
      expect(places).toContain(at + 1);
    }
  });
});

describe.each(['signing', 'both'] as const)('with public keys alone, %s', (mode) => {
  const periodsOf = (report: VerifyReport, { fingerprint }: Named): [number, number][] =>
    (report.streams[0]?.keys ?? [])
      .filter(({ signers }) => signers.some((signer) => signer.fingerprint === fingerprint))
      .map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]);

  it('the log is ok, by flags and by a policy that says from where on each of them signs', {
    timeout: PATIENCE,
  }, async () => {
    const log = logOf(mode);
    const keys = named(log);
    const report = await audit(log, { publicKeys: keys.map(({ vkey }) => vkey) });
    expect([report.verdict, worse(report)]).toEqual(['ok', []]);
    for (const { checkedBy } of report.streams[0]?.keys ?? []) expect(checkedBy).toEqual(['signature']);
    const lines = keys.map((key) => `      - { sign: "${key.vkey}", from_seq: ${periodsOf(report, key)[0]?.[0]} }`);
    const policy = join(log.directory, 'policy.yaml');
    const head = ['version: 1', 'streams:', `  - origin: ${log.origin}`, '    require: [signature]', '    keys:'];
    writeFileSync(policy, `${[...head, ...lines].join('\n')}\n`);
    const byPolicy = await verify({ paths: [log.file], policy });
    expect([byPolicy.verdict, worse(byPolicy)]).toEqual(['ok', []]);
  });

  it('each key that is left out is named, with its entries, and nothing is called tampered', {
    timeout: PATIENCE,
  }, async () => {
    const log = logOf(mode);
    const keys = named(log);
    const whole = await audit(log, { publicKeys: keys.map(({ vkey }) => vkey) });
    expect(keys.length).toBeGreaterThan(20);
    for (const key of keys) {
      const others = keys.filter((one) => one !== key).map(({ vkey }) => vkey);
      expectMissing(await audit(log, { publicKeys: others }), periodsOf(whole, key), [key.vkey, key.fingerprint]);
    }
  });
});

describe('with data keys alone', () => {
  it('each one that is left out is named, with its entries, and nothing is called tampered', {
    timeout: PATIENCE,
  }, async () => {
    const log = logOf('data key');
    const whole = await audit(log);
    const local = join(log.directory, 'local');
    const [head = '', ...lines] = readFileSync(recoveredFile(log), 'latin1').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(25);
    for (const line of lines) {
      const { key_id: keyId, source, identity } = JSON.parse(line.slice(45)) as Record<string, string>;
      const path = join(log.directory, 'fewer.keys');
      const others = [head.replace(/\d+\}$/, `${lines.length - 1}}`), ...lines.filter((one) => one !== line), ''];
      writeFileSync(path, others.join('\n'), { mode: 0o600 });
      const report = await audit(log, { dataKeyFiles: [path, local] });
      const period = whole.streams[0]?.keys.find((one) => one.keyId === keyId);
      expectMissing(report, [[period?.firstSeq ?? 0, period?.lastSeq ?? 0]], [`its data key (${source} ${identity})`]);
    }
  });

  it('without the local keys, those are what is missing', async () => {
    const log = logOf('data key');
    const report = await audit(log, { dataKeyFiles: [recoveredFile(log)] });
    const local = (await audit(log)).streams[0]?.keys.filter(
      ({ dataKey }) => dataKey?.source === 'env' || dataKey?.source === 'file',
    );
    expectMissing(
      report,
      (local ?? []).map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]),
      ['(env d)', '(file d)'],
    );
  });
});
