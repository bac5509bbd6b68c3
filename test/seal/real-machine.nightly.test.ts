import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { auditorKeys, type SealerOptions } from '../../src/index.ts';
import { keys, makeToken, ownTransit, providerFor } from '../integration/vault/transit-server.ts';
import type { Bao } from '../servers/openbao.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { type Account, accountOf, BusyWriter, type WriterTask } from '../support/busy-writer.ts';

/**
 * What the simulator imagines, with real processes on a real machine: whatever happens to a writer, nothing that flush() has
 * acknowledged is lost, no line is there twice, lines given = lines sealed + lines that gaps count where nobody is killed, and
 * after a next start on a healthy machine nothing is called tampered with.
 */
const KILLS = Number(process.env['KILLS'] ?? 200);
const ORIGIN = 'audit.example.com/real';
const MIB = 2 ** 20;
const root = mkdtempSync(join(tmpdir(), 'real-machine-'));
const table: (Account & { readonly what: string; readonly given: number | string })[] = [];
let built: BuiltPackage;

beforeAll(async () => {
  if (process.getuid?.() !== 0)
    throw new Error('these tests mount disks and start processes of another user: run them as root');
  built = await buildPackage({ own: true });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(root, 'key'), privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  writeFileSync(join(root, 'key.pub'), publicKey.export({ format: 'pem', type: 'spki' }));
});
afterAll(() => {
  built.remove();
  rmSync(root, { recursive: true, force: true });
  const head = [
    'what',
    'given',
    'acknowledged',
    'lost',
    'sealed',
    'twice',
    'counted',
    'files',
    'verdict',
    'codes',
  ] as const;
  const rows = [head.map(String), ...table.map((row) => head.map((name) => String(row[name])))];
  console.log(rows.map((row) => `| ${row.join(' | ')} |`).join('\n'));
});

/** Unless the log has another one. */
const LOCAL_KEY = { keySource: 'file', keyFilePath: join(root, 'key'), algorithm: 'Ed25519' } as const;

/** A log, its state and its writers, one after the other. */
class Place {
  readonly directory: string;
  readonly log: string;
  readonly writers: BusyWriter[] = [];
  /** What the auditor has of its key. */
  publicKey: string = join(root, 'key.pub');
  /** Other directories that hold files of the log. */
  readonly more: string[] = [];
  readonly #options: Partial<SealerOptions>;
  /** Lines of writers that closed; undefined once one was killed. */
  given: number | undefined = 0;

  constructor(options: Partial<SealerOptions> = {}, log = 'log') {
    this.directory = mkdtempSync(join(root, 'place-'));
    this.log = join(this.directory, log);
    mkdirSync(join(this.directory, 'log'));
    this.#options = options;
  }

  start(task: Partial<WriterTask> = {}): BusyWriter {
    const options = {
      file: join(this.log, 'audit.jsonl'),
      stateDir: join(this.directory, 'state'),
      origin: ORIGIN,
      ...(this.#options.keySource === undefined && LOCAL_KEY),
      rotateMaxBytes: 40_000,
      checkpointMaxRecords: 100,
      ...this.#options,
    };
    const writer = new BusyWriter(join(built.directory, 'dist/index.js'), this.writers.length, {
      ...task,
      options: { ...options, ...task.options } as Partial<SealerOptions>,
    });
    this.writers.push(writer);
    onTestFinished(() => writer.kill());
    return writer;
  }

  async close(writer: BusyWriter): Promise<void> {
    const given = await writer.close();
    if (this.given !== undefined) this.given += given;
  }

  async kill(writer: BusyWriter): Promise<void> {
    await writer.kill();
    this.given = undefined;
  }

  /** A next start on a healthy machine, and what became of all lines. @param explained - codes of findings that may be there */
  async settle(what: string, explained: readonly string[] = [], task: Partial<WriterTask> = {}): Promise<Account> {
    const last = this.start(task);
    await last.works(1);
    await this.close(last);
    expect(last.said.at(-1)?.closed, last.lastWords).toBe(true);
    return this.judge(what, explained, { directories: [this.log, ...this.more] });
  }

  async judge(what: string, explained: readonly string[], where: Parameters<typeof accountOf>[0]): Promise<Account> {
    const auditor = auditorKeys({ publicKeyFiles: [this.publicKey] });
    const account = await accountOf(where, ORIGIN, auditor, this.writers);
    table.push({ what, given: this.given ?? 'unknown', ...account });
    expect(account.lost, what).toBe(0);
    expect(account.twice, what).toBe(0);
    expect(account.acknowledged).toBeGreaterThan(0);
    if (this.given !== undefined) expect(account.sealed + account.counted, what).toBe(this.given);
    expect(account.verdict, account.messages).not.toBe('tampered');
    expect(
      account.codes.filter((code) => !explained.includes(code)),
      account.messages,
    ).toEqual([]);
    return account;
  }
}

/** An end that has no signature, which the next start takes over without vouching for it. */
const ADOPTED = ['ADOPTED', 'UNVOUCHED'];
/** With `rotate_chain`: a file that was closed without its signature, or torn by a kill, stays so; the next one cites it. */
const CHAIN = [...ADOPTED, 'UNSIGNED', 'END_UNPROVEN', 'TORN_TAIL'];

const chains = [false, true];

it.each(chains)(`${KILLS} SIGKILLs at random moments (rotate_chain: %s)`, async (rotateChain) => {
  const place = new Place({ rotateChain });
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = place.start();
    if (Math.random() < 0.9) await writer.works(1);
    await delay(Math.random() * 60);
    await place.kill(writer);
  }
  const { files } = await place.settle(`${KILLS} SIGKILLs, chain ${rotateChain}`, rotateChain ? CHAIN : ADOPTED);
  expect(files).toBeGreaterThan(KILLS / 4);
});

/** Mounts until the test ends. */
function mount(target: string, ...how: string[]): void {
  execFileSync('mount', [...how, target]);
  onTestFinished(() => unmount(target));
}

function unmount(target: string): void {
  for (;;) {
    const isMounted = readFileSync('/proc/self/mounts', 'latin1').includes(` ${target} `);
    if (!isMounted) return;
    execFileSync('umount', ['-l', target]);
  }
}

describe('a full disk', () => {
  const resize = (target: string, bytes: number): void => {
    execFileSync('mount', ['-o', `remount,size=${Math.floor(bytes)}`, target]);
  };
  const used = (target: string): number => {
    const { blocks, bfree, bsize } = statfsSync(target);
    return (blocks - bfree) * bsize;
  };
  const isFull = (target: string): boolean => statfsSync(target).bavail < 3;

  const cases = [false, true].flatMap((withState) =>
    chains.flatMap((rotateChain) =>
      (['freed', 'closed while full', 'killed while full'] as const).map((end) => ({ withState, rotateChain, end })),
    ),
  );

  it.each(cases)(
    'fills while lines are drained and files change (state on it: $withState, rotate_chain: $rotateChain, $end)',
    async ({ withState, rotateChain, end }) => {
      const place = new Place({ rotateChain, maxPendingBytes: 2 * MIB });
      mount(place.log, '-t', 'tmpfs', '-o', `size=${MIB}`, 'tmpfs');
      const where = withState ? { options: { stateDir: join(place.log, 'state') } } : {};
      // one that does not heed has lines that do not fit, which gaps count
      const writer = place.start({ ...where, burst: 3_000, pause: 30, heeds: end !== 'freed' });
      for (let round = 0; round < 6; round++) {
        await expect.poll(() => isFull(place.log), { interval: 5 }).toBe(true);
        await delay(Math.random() * 300);
        if (round < 5) resize(place.log, used(place.log) + 200_000 + Math.random() * 600_000);
      }
      if (end === 'freed') {
        resize(place.log, 256 * MIB);
        await delay(500);
      }
      if (end === 'killed while full') await place.kill(writer);
      else await place.close(writer);
      resize(place.log, 256 * MIB);
      const what = `full disk, state on it ${withState}, chain ${rotateChain}, ${end}`;
      await place.settle(what, rotateChain ? CHAIN : ADOPTED, where);
    },
  );
});

describe('a log directory that another party locks', () => {
  const USER = 65_534;
  /** The writer reaches the package and its log, whoever made the folders above. */
  function open(path: string): void {
    for (let above = path; above !== dirname(above); above = dirname(above)) {
      if ((statSync(above).mode & 0o001) === 0) chmodSync(above, 0o711);
    }
  }

  it.each(chains.flatMap((rotateChain) => [false, true].map((isKilled) => ({ rotateChain, isKilled }))))(
    'the writer is refused a new file, and goes on when it may make one again (rotate_chain: $rotateChain, killed meanwhile: $isKilled)',
    async ({ rotateChain, isKilled }) => {
      open(root);
      open(join(built.directory, 'dist'));
      const place = new Place({ rotateChain, keyFilePath: join(root, 'own-key') });
      writeFileSync(join(root, 'own-key'), readFileSync(join(root, 'key')), { mode: 0o600 });
      for (const path of [place.directory, place.log, join(root, 'own-key')]) chownSync(path, USER, USER);
      let writer = place.start({ uid: USER });
      for (let round = 0; round < 6; round++) {
        await writer.works();
        const since = writer.said.length;
        chmodSync(place.log, 0o500);
        await writer.until(({ waitsFor }) => waitsFor === 'disk', since);
        await delay(100 + Math.random() * 300);
        if (isKilled && round % 2 === 1) {
          await place.kill(writer);
          const refused = place.start({ uid: USER });
          await refused.until((said) => said.refused !== undefined);
          await refused.kill();
          chmodSync(place.log, 0o700);
          writer = place.start({ uid: USER });
        }
        chmodSync(place.log, 0o700);
      }
      await writer.works();
      await place.close(writer);
      await place.settle(`EACCES, chain ${rotateChain}, killed ${isKilled}`, rotateChain ? CHAIN : ADOPTED, {
        uid: USER,
      });
    },
  );
});

/** The log's volume, of which `away` takes away the place where the writer finds it; whoever has it open keeps it. */
class Volume {
  readonly #target: string;
  readonly #apart: string;

  constructor(place: Place) {
    this.#target = join(place.directory, 'log');
    this.#apart = join(place.directory, 'volume');
    mkdirSync(this.#apart);
    mount(this.#apart, '-t', 'tmpfs', '-o', 'size=256m', 'tmpfs');
    mount(this.#target, '--bind', this.#apart);
  }

  goAway(): void {
    execFileSync('umount', ['-l', this.#target]);
  }

  comeBack(): void {
    execFileSync('mount', ['--bind', this.#apart, this.#target]);
  }
}

it.each(chains)('a log volume goes away at a change of file and comes back (rotate_chain: %s)', async (rotateChain) => {
  const place = new Place({ rotateChain }, 'log/inside');
  const volume = new Volume(place);
  mkdirSync(place.log);
  const writer = place.start();
  for (let round = 0; round < 6; round++) {
    await writer.works();
    const since = writer.said.length;
    volume.goAway();
    await writer.until(({ waitsFor }) => waitsFor === 'disk', since);
    await delay(Math.random() * 300);
    volume.comeBack();
  }
  await writer.works();
  await place.close(writer);
  await place.settle(`volume away, chain ${rotateChain}`, rotateChain ? CHAIN : ADOPTED);
});

it.each(chains)(
  'OpenBao is killed and started again, and every second time the writer with it (rotate_chain: %s)',
  async (rotateChain) => {
    const server = await ownTransit({ storage: 'raft' });
    onTestFinished(() => server.stop());
    const env = { VAULT_ADDR: server.url, VAULT_TOKEN: await makeToken(server), HOME: '/nonexistent' };
    const place = new Place({ rotateChain, keySource: 'vault', keyId: keys.ed25519, useKmsSigning: true });
    place.publicKey = await publicKeyOf(server);
    const task = { env, burst: 5, pause: 20 }; // an outage is told of after half a minute
    let writer = place.start(task);
    for (let round = 0; round < 4; round++) {
      await writer.works();
      const since = writer.said.length;
      await server.kill();
      await writer.until(({ outage }) => outage === true, since);
      await delay(Math.random() * 500);
      if (round % 2 === 1) {
        await place.kill(writer);
        writer = place.start(task);
        await writer.until(({ outage }) => outage === true);
      }
      const away = writer.said.length;
      await server.restart();
      await writer.until(({ outage }) => outage === false, away); // else the next one is the same
    }
    await writer.works();
    await place.close(writer);
    await place.settle(`OpenBao killed, chain ${rotateChain}`, rotateChain ? CHAIN : ADOPTED, task);
  },
);

/** A file with what OpenBao has to verify the signatures. */
async function publicKeyOf(server: Bao): Promise<string> {
  const provider = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
  const { spki } = await provider.getSigningKey(keys.ed25519);
  await provider.close();
  const file = join(root, 'openbao.pub');
  writeFileSync(
    file,
    createPublicKey({ key: Buffer.from(spki ?? []), format: 'der', type: 'spki' }).export({
      format: 'pem',
      type: 'spki',
    }),
  );
  return file;
}
