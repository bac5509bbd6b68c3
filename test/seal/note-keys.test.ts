import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatVkey, loadPolicy, type Policy, type SealerOptions, type SigningKey } from '../../src/index.ts';
import { notesIn, type ReadNote } from '../support/sealed-lines.ts';
import { audit, ORIGIN, start, workplace } from './workplace.ts';

/** Writes a key of Ed25519 as keygen does. @returns its verifier key and its secret bytes */
function keyFile(path: string): { readonly vkey: string; readonly spki: Buffer; readonly secret: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const secret = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  return { vkey: formatVkey(ORIGIN, { algorithm: 'ed25519', bytes: spki }), spki, secret };
}

function place() {
  const here = workplace(['audit', 'sign']);
  const path = join(here.directory, 'note.key');
  const note = keyFile(path);
  const options = (): SealerOptions => ({ ...here.options(), signingKeyId: 'sign', noteKeyFilePath: path });
  return { ...here, options, path, ...note };
}

const vkeyOf = ({ algorithm, spki }: SigningKey): string =>
  formatVkey(ORIGIN, { algorithm, bytes: Buffer.from(spki ?? '') });

async function naming(directory: string, ...vkeys: readonly string[]): Promise<Policy> {
  const path = join(directory, 'policy.yaml');
  const named = vkeys.map((vkey) => `{ sign: "${vkey}" }`).join(', ');
  writeFileSync(path, `version: 1\nstreams:\n  - { origin: "${ORIGIN}", require: [signature], keys: [${named}] }\n`);
  return loadPolicy(path);
}

const idOf = (vkey: string): string => vkey.split('+')[1] ?? '';
const notesOf = (file: string): ReadNote[] => notesIn(readFileSync(file, 'utf8'));
const idsOf = (file: string): (readonly string[])[] => notesOf(file).map(({ keyIds }) => keyIds);

/** M4.11. */
describe('a note key beside a signing key', () => {
  it('signs each checkpoint after it, through restarts and rotations of both, and counts for nothing', async () => {
    const { directory, file, options, path, provider, spki, vkey } = place();
    const services: string[] = [];
    const notes = [vkey];
    for (const run of [1, 2, 3]) {
      if (run === 3) notes.push(keyFile(path).vkey);
      const sealer = start({ ...options(), keyCacheTtlSeconds: 1, checkpointMaxRecords: 2 });
      for (let line = 0; line < 5; line++) sealer.write(`run ${run}, line ${line}\n`);
      await sealer.ready;
      services.push(vkeyOf(await provider.getSigningKey('sign')));
      if (run === 2) {
        rmSync(path); // it was read: no rotation of the service's key needs it again
        const handedOver = once(sealer, 'handover');
        provider.rotate('sign');
        await handedOver;
        sealer.write('after the hand-over\n');
        services.push(vkeyOf(await provider.getSigningKey('sign')));
      }
      await sealer.close();
    }
    const notesIds = notes.map(idOf);
    expect(idsOf(file).length).toBeGreaterThan(6);
    for (const ids of idsOf(file)) {
      expect(ids.findIndex((id) => notesIds.includes(id))).toBe(1);
      expect(services.map(idOf)).toContain(ids[0]);
    }
    const announced = (key: Uint8Array | undefined): boolean =>
      readFileSync(file, 'utf8').includes(Buffer.from(key ?? '').toString('base64url'));
    expect(announced((await provider.getSigningKey('sign')).spki)).toBe(true);
    expect(announced(spki)).toBe(false);
    const policy = await naming(directory, ...new Set(services));
    expect(await audit(directory, provider, { publicKeys: [], policy })).toMatchObject({ verdict: 'ok' });
    const alone = await naming(directory, ...notes);
    const report = await audit(directory, provider, { dataKeys: [], publicKeys: [], policy: alone });
    expect(report.verdict).toBe('undecided');
  });

  it('signs nothing that the signing key does not sign', async () => {
    const { directory, file, options, provider, vkey } = place();
    const sealer = start({ ...options(), checkpointMaxRecords: 2 });
    sealer.on('warning', () => undefined);
    sealer.write('1\n');
    await sealer.ready;
    provider.faults.decide((operation) => (operation === 'sign' ? 'UNAVAILABLE' : undefined));
    sealer.write('2\n');
    sealer.write('3\n');
    await expect.poll(() => idsOf(file).some((ids) => ids.length === 1)).toBe(true);
    provider.faults.heal();
    sealer.write('4\n');
    await sealer.close();
    const service = vkeyOf(await provider.getSigningKey('sign'));
    for (const ids of idsOf(file)) expect(ids.includes(idOf(vkey))).toBe(ids.includes(idOf(service)));
    const policy = await naming(directory, service);
    expect((await audit(directory, provider, { publicKeys: [], policy })).verdict).toBe('ok');
  });

  it('is in no file that the writer writes, and in no error', async () => {
    const { directory, options, path, secret } = place();
    const said: unknown[] = [];
    const sealer = start(options());
    sealer.on('warning', (warning) => said.push(warning));
    sealer.write('1\n');
    await sealer.ready;
    rmSync(path);
    await sealer.close();
    const spelled = ['base64', 'base64url', 'hex', 'latin1'] as const;
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const texts = files.map((one) => readFileSync(join(one.parentPath, one.name), 'latin1'));
    for (const text of [...texts, JSON.stringify(said)]) {
      for (const spelling of spelled) expect(text).not.toContain(secret.toString(spelling).slice(0, 40));
    }
  });

  it.each<[string, (here: ReturnType<typeof place>) => SealerOptions, string]>([
    [
      'is the signing key',
      ({ options, path }) => ({ ...options(), signingKeySource: 'file', signingKeyFilePath: path }),
      'KEY_WRONG_USAGE',
    ],
    [
      'is not there',
      ({ options, path }) => {
        rmSync(path);
        return options();
      },
      'KEY_NOT_FOUND',
    ],
  ])('is refused where it %s', async (_what, optionsOf, code) => {
    const here = place();
    const { keyProvider, ...options } = optionsOf(here);
    const local = options.signingKeySource === 'file';
    const data = { keySource: 'env', keyEnvVar: 'NOTE_KEYS_TEST', keyId: 'audit' } as const;
    process.env['NOTE_KEYS_TEST'] = Buffer.alloc(32, 7).toString('base64');
    const { keyProviderModule: _, ...rest } = options;
    const sealer = start(local ? { ...rest, ...data } : { ...options, ...(keyProvider && { keyProvider }) });
    sealer.write('1\n');
    const [error] = (await once(sealer, 'error')) as [unknown];
    expect(error).toMatchObject({ code });
  });

  it('is refused where nothing signs', () => {
    const { options } = place();
    const { signingKeyId: _, ...alone } = options();
    expect(() => start(alone)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
