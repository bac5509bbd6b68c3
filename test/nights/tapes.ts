import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSealer } from '../../src/create-sealer.ts';
import { formatVkey } from '../../src/format/vkey.ts';
import { MemoryProvider } from '../../src/testing/memory-provider.ts';
import type { VerifyOptions } from '../../src/verify/auditor/options.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';

/**
 * Streams that were sealed once, at every stage of their lives. A night takes one that is further on: nothing is sealed in it.
 */

/** The files of a stream, by name. */
export type Files = ReadonlyMap<string, Buffer>;

/** One stream: what its folder holds at each stage. */
export interface Tape {
  readonly name: string;
  readonly stages: readonly Files[];
}

/** All tapes, and the keys that they are verified with: the key of a signed stream counts for that one alone. */
export interface Tapes {
  readonly all: readonly Tape[];
  readonly keys: Pick<VerifyOptions, 'publicKeys' | 'dataKeys'>;
}

const FILES = 7;
const named = (file: number): string => `${String(file).padStart(4, '0')}.jsonl`;
const snapshot = (logs: readonly SealedLog[]): Files =>
  new Map(logs.flatMap((log) => log.toFiles()).map(({ name, bytes }) => [name, bytes]));

/**
 * Each file ends with the checkpoint of its close, or with `late` the next one begins with it; each is seen half written too. `fast`:
 * the first file was closed before its first signature came.
 */
function rotated(name: string, late: boolean, fast = false): Tape {
  const log = new SealedLog(`fleet/${name}`);
  const stages: Files[] = [];
  log.file = named(1);
  log.open(signKeys).seal();
  if (!fast) log.checkpoint();
  for (let file = 1; file <= FILES; file++) {
    if (file > 1) log.rotate(named(file));
    if (file > 1 && late) log.checkpoint();
    log.record(`{"file":${file}}`, '{"n":1}').seal();
    if (file > 1 || !fast) log.checkpoint();
    if (file > 1 || !fast) stages.push(snapshot([log])); // without a signature nothing is proven
    log.record('{"n":2}').close('rotated');
    if (!late) log.checkpoint();
    if (!late || file % 2 === 0) stages.push(snapshot([log]));
  }
  return { name, stages };
}

/** Stops and goes on in the same file, and once in the next one. */
function restarting(name: string): Tape {
  const log = new SealedLog(`fleet/${name}`);
  const stages: Files[] = [];
  log.file = named(1);
  log.open(signKeys).seal().checkpoint();
  for (let file = 1; file < FILES; file++) {
    log.record('{"n":1}').seal().checkpoint();
    stages.push(snapshot([log]));
    log.record('{"n":2}').close().checkpoint();
    if (file % 2 === 0) log.file = named(file);
    log.open(signKeys, { why: 'resumed' }).seal().checkpoint();
    stages.push(snapshot([log]));
  }
  return { name, stages };
}

/** A new stream for each file, which cites the one before (`rotate_chain`). */
function chained(name: string): Tape {
  const origins = Array.from({ length: FILES }, (_, at) =>
    at === 0 ? `fleet/${name}` : `fleet/${name}/2026112${at}T000000Z-0000000${at}`,
  );
  const logs: SealedLog[] = [];
  const stages: Files[] = [];
  for (const [at, origin] of origins.slice(0, -1).entries()) {
    const last = logs.at(-1)?.lastSeal;
    const after = last && { origin: origins[at - 1] as string, size: last.size, root: last.root };
    const log = new SealedLog(origin);
    log.file = named(at + 1);
    logs.push(
      log
        .open(signKeys, after ? { after } : {})
        .seal()
        .checkpoint()
        .record('{"n":1}')
        .seal()
        .checkpoint(),
    );
    stages.push(snapshot(logs));
    log
      .record('{"n":2}')
      .close('continued', { continuedBy: origins[at + 1] as string })
      .checkpoint();
  }
  return { name, stages };
}

/** As the writer leaves it, with manifests, in the end one of each file. With a signing key of a service its first signature comes after the first file is closed. */
async function written(name: string, provider: MemoryProvider): Promise<Tape> {
  const directory = mkdtempSync(join(tmpdir(), 'nights-'));
  const stages: Files[] = [];
  const sealer = createSealer({
    file: join(directory, 'audit.jsonl'),
    origin: `fleet/${name}`,
    stateDir: join(directory, 'state'),
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'audit',
    keyProvider: provider,
    checkpointMaxSeconds: 60,
  });
  const add = (): void => {
    const names = readdirSync(directory).filter((one) => /\.jsonl(\.manifest\.json)?$/.test(one));
    stages.push(new Map(names.map((one) => [one, readFileSync(join(directory, one))])));
  };
  try {
    for (let file = 1; file <= FILES; file++) {
      sealer.write(`{"file":${file}}`);
      sealer.write('{"n":1}');
      await sealer.rotate();
      add();
    }
    await sealer.close();
    add();
  } finally {
    sealer.closeSync();
    rmSync(directory, { recursive: true });
  }
  return { name, stages };
}

/** Seals all of them. */
export async function sealTapes(): Promise<Tapes> {
  const provider = new MemoryProvider({ keyIds: ['audit'] });
  const signed = [
    rotated('plain-1', false),
    rotated('fast', true, true),
    rotated('late-1', true),
    rotated('late-2', true),
    restarting('restarting'),
    chained('chained'),
  ];
  const all = [...signed, await written('written-1', provider), await written('written-2', provider)];
  const publicKeys = signed.map(({ name }) => formatVkey(`fleet/${name}`, edKey.noteKey));
  return {
    all,
    keys: {
      publicKeys,
      dataKeys: [{ source: provider.source, versionSeparator: ':v', keys: provider, named: [{ name: 'audit' }] }],
    },
  };
}
