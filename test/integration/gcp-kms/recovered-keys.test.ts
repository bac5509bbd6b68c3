import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RecoveryReport, recoverKeys } from '../../../src/api/recovery/recover-keys.ts';
import { auditorKeys, createSealer, type VerifyReport, verify } from '../../../src/index.ts';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';
import { type GcpKmsServer, type SeenCall, startGcpKms } from '../../servers/gcp-kms/start.ts';
import { becomeMachine } from './environment.ts';

/** Recovering data keys that Google Cloud KMS wrapped, with versions that are there no more. */

const origin = 'audit.example.com/payments/host-7';
let server: GcpKmsServer;
let key = '';
let directory = '';
const open: GcpKmsProvider[] = [];

beforeAll(async () => {
  server = await startGcpKms();
  await becomeMachine(server);
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gcp-recovered-'));
  key = await server.createKey('ENCRYPT_DECRYPT', 'GOOGLE_SYMMETRIC_ENCRYPTION');
});
afterEach(async () => {
  for (const provider of open.splice(0)) await provider.close();
  rmSync(directory, { recursive: true });
});
afterAll(() => server?.stop());

const file = (): string => join(directory, 'audit.jsonl');
const out = (): string => join(directory, 'recovered.keys');
function provider(): GcpKmsProvider {
  const made = new GcpKmsProvider({ gcpEndpoint: `http://127.0.0.1:${server.ports.grpc}` });
  open.push(made);
  return made;
}

/** One run of the writer for each version of the key. */
async function seal(versions: number): Promise<void> {
  for (let version = 1; version <= versions; version++) {
    if (version > 1) {
      await server.admin('createVersion', { key });
      await server.admin('setPrimary', { key, version });
    }
    const options = {
      file: file(),
      origin,
      stateDir: join(directory, 'state'),
      keySource: 'gcp-kms',
      keyId: key,
    } as const;
    const sealer = createSealer({ ...options, keyProvider: provider() });
    await sealer.ready;
    for (let n = 1; n <= 5; n++) sealer.write(`{"version":${version},"n":${n}}`);
    await sealer.close();
  }
}

const recover = (): Promise<RecoveryReport> => {
  const dataKeys = [{ source: 'gcp-kms', keys: provider(), named: [{ name: key }] }];
  return recoverKeys({ paths: [file()], origin: [origin], places: [{ dataKeys, recoveredKeys: [] }], out: out() });
};
const outcomes = ({ periods }: RecoveryReport): (string | undefined)[][] =>
  periods.map(({ outcome, code }) => (code === undefined ? [outcome] : [outcome, code]));
const offline = (): Promise<VerifyReport> =>
  verify({ paths: [file()], origin, keys: auditorKeys({ dataKeyFiles: [out()] }) });
const decrypts = async (): Promise<SeenCall[]> =>
  (await server.journal()).filter(({ method }) => method.endsWith('Decrypt'));

describe('keys recover on Google Cloud KMS', () => {
  it('asks once for each key period; then the log is ok although every version is destroyed', async () => {
    await seal(3);
    await server.admin('clearJournals');
    expect(outcomes(await recover())).toEqual([['recovered'], ['recovered'], ['recovered']]);
    expect(await decrypts()).toHaveLength(3);
    for (const version of [1, 2, 3]) {
      await server.admin('setState', { version: `${key}/cryptoKeyVersions/${version}`, state: 'DESTROYED' });
    }
    await server.admin('clearJournals');
    expect((await offline()).verdict).toBe('ok');
    expect(await decrypts()).toEqual([]);
  });

  it('a version that was destroyed is missing and named, and the others are recovered', async () => {
    await seal(3);
    await server.admin('setState', { version: `${key}/cryptoKeyVersions/2`, state: 'DESTROYED' });
    const report = await recover();
    expect(outcomes(report).map(([outcome]) => outcome)).toEqual(['recovered', 'refused', 'recovered']);
    expect(report).toMatchObject({ complete: false, periods: [{}, { identity: `${key}/cryptoKeyVersions/2` }, {}] });
    const verified = await offline();
    expect(verified.verdict).toBe('undecided');
    const worse = verified.findings.filter(({ severity }) => severity !== 'warning');
    expect(worse).toHaveLength(1);
    expect(worse[0]).toMatchObject({ code: 'NO_KEY', message: expect.stringContaining(`${key}/cryptoKeyVersions/2`) });
  });
});
