import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { noteKeyOf, signersOf } from '../../src/format/key-reference.ts';
import { type Clock, systemClock } from '../../src/foundation/clock.ts';
import { createSealer, formatVkey, type Sealer, type SealerOptions, type VerifyReport } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { firstSeq, keyReferences, type ReadStream, readStream } from './reader.ts';

export const ORIGIN = 'audit.example.com/test';

/** A directory of its own for one test, removed at its end. */
export function workplace(
  keyIds: readonly string[] = ['audit'],
  clock: Clock = systemClock,
): {
  directory: string;
  file: string;
  options: () => SealerOptions;
  provider: MemoryProvider;
} {
  const directory = mkdtempSync(join(tmpdir(), 'seal-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'audit.jsonl');
  const provider = new MemoryProvider({ keyIds, clock });
  const options = (): SealerOptions => ({
    file,
    origin: ORIGIN,
    stateDir: join(directory, 'state'),
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider: provider,
    checkpointMaxSeconds: 60,
  });
  return { directory, file, options, provider };
}

/** {@link workplace} of a log whose checkpoints are signed: of one with MACs alone nobody can check what an anchor says. */
export function signingWorkplace(): ReturnType<typeof workplace> {
  const place = workplace(['audit', 'sign']);
  return { ...place, options: () => ({ ...place.options(), signingKeyId: 'sign' }) };
}

/** Starts a sealer that ends with the test whatever happens. */
export function start(options: SealerOptions): Sealer {
  const sealer = createSealer(options);
  onTestFinished(() => sealer.closeSync());
  return sealer;
}

/** Reads a stream with the data keys that its provider recovers. */
export async function read(files: string[], provider: MemoryProvider): Promise<ReadStream> {
  const keys = new Map<string, Buffer>();
  for (const [kid, { key: reference, origin }] of keyReferences(files)) {
    if (reference.records !== 'mac') continue;
    const key = await provider.recoverKey(reference, reference.identity, { origin, kid });
    keys.set(kid, Buffer.from(key.material));
  }
  return readStream(files, (kid) => keys.get(kid));
}

/** The sealed files of a directory in the order of their entries, then of their names. */
export function sealedFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^audit.*\.jsonl$/.test(name))
    .map((name) => ({
      file: join(directory, name),
      seq: firstSeq(join(directory, name)),
      age: statSync(join(directory, name)).birthtimeMs,
    }))
    .sort((one, other) => one.seq - other.seq || one.age - other.age)
    .map(({ file }) => file);
}

/** What an auditor with every key says about the files of a directory. */
export async function audit(
  directory: string,
  provider: MemoryProvider,
  options: Partial<VerifyOptions> = {},
): Promise<VerifyReport> {
  const files = readdirSync(directory)
    .filter((name) => /^audit.*\.jsonl(\.gz)?$/.test(name))
    .map((name) => join(directory, name));
  return verify({
    paths: files,
    origin: ORIGIN,
    dataKeys: [{ source: 'memory', versionSeparator: ':v', keys: provider, named: [{ name: 'audit' }] }],
    publicKeys: [...vkeysOf(files)],
    ...options,
  });
}

/** Every public key that the files name, as an auditor would know them from elsewhere. */
function vkeysOf(files: string[]): Set<string> {
  const vkeys = new Set<string>();
  for (const { key, origin } of keyReferences(files.filter((file) => file.endsWith('.jsonl'))).values()) {
    for (const signer of signersOf(key)) vkeys.add(formatVkey(origin, noteKeyOf(signer)));
  }
  return vkeys;
}
