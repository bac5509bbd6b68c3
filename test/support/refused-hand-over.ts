import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import {
  createSealer,
  formatVkey,
  type KeyProvider,
  onKeyEvent,
  type SealerOptions,
  type SigningKey,
  type VerifyReport,
} from '../../src/index.ts';
import { type NamedDataKeys, verify } from './verifying.ts';

/** What a service may say instead of an answer: every refusal, from each of the first calls of a hand-over on, per mode. */
export function everyRefusal<R>(refusals: readonly R[]): { refusal: R; mode: 'signing' | 'both'; step: number }[] {
  return refusals.flatMap((refusal) =>
    (['signing', 'both'] as const).flatMap((mode) => [1, 2, 3, 4, 5, 6, 7, 8].map((step) => ({ refusal, mode, step }))),
  );
}

/** A key service on a real server, for one log. Its keys, and what it refuses, are this log's own: others run beside it. */
export interface RefusableService {
  readonly provider: KeyProvider;
  /** Keys and mode. */
  readonly options: Partial<SealerOptions>;
  /** The keys of the auditor; absent where signatures are enough. */
  readonly dataKeys?: NamedDataKeys[];
  /** Makes new versions, or points the aliases to new keys. */
  rotate(): Promise<void>;
  /** From the `step`-th call from now on the service refuses every call. */
  refuseFrom(step: number): Promise<void> | void;
  /** It refuses no more. */
  heal(): Promise<void> | void;
}

const origin = 'audit.example.com/refused';
/** How long a service refuses, in milliseconds. */
const refusal = 3_000;
/** Tells the key events of logs apart that are written at the same time. */
const log = new AsyncLocalStorage<symbol>();
/** How long a log may take until all of it is covered again, in milliseconds. */
const deadline = 90_000;

/**
 * One log with one hand-over, during which the service refuses every call for three seconds.
 *
 * @returns what an auditor says of it; he knows every public key that the writer was given, from elsewhere
 */
export function refusedHandOver(
  service: RefusableService,
  step: number,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
): Promise<VerifyReport> {
  const own = Symbol('log');
  return log.run(own, () => handOver(service, step, own, onTestFinished));
}

async function handOver(
  service: RefusableService,
  step: number,
  own: symbol,
  onTestFinished: TestContext['onTestFinished'],
): Promise<VerifyReport> {
  const { provider, options, dataKeys } = service;
  const directory = mkdtempSync(join(tmpdir(), 'refused-'));
  const file = join(directory, 'audit.jsonl');
  const signers = new Map<string, SigningKey>();
  const sealer = createSealer({
    file,
    origin,
    stateDir: join(directory, 'state'),
    checkpointMaxSeconds: 1,
    keyCacheTtlSeconds: 1,
    ...options,
    keyProvider: noting(provider, signers),
  });
  let refusedAt: number | undefined;
  let armed = false;
  const forget = onKeyEvent(({ outcome, operation }) => {
    if (armed && log.getStore() === own && outcome !== 'ok' && operation !== 'warning') refusedAt ??= Date.now();
  });
  onTestFinished(() => {
    forget();
    sealer.closeSync();
    rmSync(directory, { recursive: true, force: true });
  });
  let [handovers, line] = [0, 0];
  sealer.on('handover', () => handovers++);
  await sealer.ready;
  sealer.write(`{"line":${++line}}`);
  await sealer.flush();
  armed = true;
  await service.refuseFrom(step);
  await service.rotate();
  const began = Date.now();
  let healed = false;
  let target: number | undefined;
  for (;;) {
    await delay(50);
    sealer.write(`{"line":${++line}}`);
    if (!healed && refusedAt !== undefined && Date.now() - refusedAt >= refusal) {
      await service.heal();
      healed = true;
    }
    if (handovers > 0 && (healed || refusedAt === undefined)) target ??= sealer.stats.size + 1;
    if (target !== undefined && sealer.stats.covered >= target) break;
    if (Date.now() - began > deadline) break;
  }
  await service.heal();
  await sealer.flush();
  await sealer.close();
  expect(handovers).toBeGreaterThan(0);
  const vkeys = [...signers.values()].flatMap(({ spki, algorithm }) =>
    spki === undefined ? [] : [formatVkey(origin, { algorithm, bytes: Buffer.from(spki) })],
  );
  const report = await verify({
    paths: [file],
    origin,
    publicKeys: vkeys,
    ...(dataKeys !== undefined && { dataKeys }),
  });
  expect(report.streams[0]?.records).toBe(line);
  return report;
}

/** Notes the public keys that a provider hands out. */
function noting(provider: KeyProvider, signers: Map<string, SigningKey>): KeyProvider {
  return new Proxy(provider, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        const result: unknown = await Reflect.apply(value, target, args);
        if (name === 'getSigningKey') signers.set((result as SigningKey).identity, result as SigningKey);
        return result;
      };
    },
  });
}

/** What is worse than a warning. */
export function faults({ findings }: VerifyReport): string[] {
  return findings.filter(({ severity }) => severity !== 'warning').map(({ code, message }) => `${code}: ${message}`);
}
