import { describe, expect, it, vi } from 'vitest';
import type { TamperErrorCode } from '../../src/errors.ts';
import type { SealerOptions, VerifyReport } from '../../src/index.ts';
import { FakeClock, type MemoryKeyState } from '../../src/testing/index.ts';
import { audit, read, type read as readLog, start, workplace } from './workplace.ts';

export type Mode = 'data key' | 'signing' | 'both';

export const modes: Readonly<Record<Mode, Partial<SealerOptions>>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};

/** What a call to a key service can fail with, besides what it may say of the key. */
export const refusals: readonly TamperErrorCode[] = [
  'ACCESS_DENIED',
  'UNAUTHENTICATED',
  'CREDENTIALS_EXHAUSTED',
  'THROTTLED',
  'UNAVAILABLE',
  'TIMEOUT',
  'TLS_FAILED',
  'RESPONSE_MALFORMED',
  'RESPONSE_CORRUPTED',
  'WRONG_KEY_OR_CONTEXT',
  'KEY_WRONG_USAGE',
  'UNSUPPORTED_OPERATION',
  'INSECURE_ENDPOINT',
  'CONFIG_INVALID',
  'DEPENDENCY_MISSING',
  'KEY_MALFORMED',
  'USAGE',
  'INTERNAL',
];
export const stateCodes: readonly TamperErrorCode[] = [
  'KEY_DISABLED',
  'KEY_PENDING_DELETION',
  'KEY_VERSION_UNAVAILABLE',
  'KEY_NOT_FOUND',
];
export const states: readonly MemoryKeyState[] = [
  'disabled',
  'expired',
  'not yet valid',
  'pending deletion',
  'destroyed',
  'unavailable',
  'gone',
];

interface Outcome {
  /** Whether the step that was to be spoilt came at all. */
  readonly struck: boolean;
  readonly report: VerifyReport;
  readonly stream: Awaited<ReturnType<typeof readLog>>;
  readonly outages: number;
  readonly outagesOver: number;
  readonly warnings: Error[];
  /** Size of the newest checkpoint that the old key had signed before its successor was made. */
  readonly signedBefore: number;
}

type Place = ReturnType<typeof workplace>;

/** What is done at the n-th use of the service after a rotation. `undefined` lets the call through. */
interface Spoil {
  begin(place: Place): void;
  code?: TamperErrorCode;
  /** After three seconds; left out: never. */
  end?(place: Place): void;
}

/** One log with one hand-over whose n-th step is spoilt. */
async function handOver(mode: Mode, step: number, spoil: Spoil): Promise<Outcome> {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
  const place = workplace(['audit', 'sign'], clock);
  const { directory, file, options, provider } = place;
  const short = { checkpointMaxSeconds: 2, keyCacheTtlSeconds: 10 };
  const sealer = start({ ...options(), ...modes[mode], ...short, clock });
  const warnings: Error[] = [];
  let [handovers, outages, outagesOver, signedBefore] = [0, 0, 0, 0];
  let struckAt: number | undefined;
  sealer.on('handover', () => handovers++);
  sealer.on('outage', () => outages++);
  sealer.on('outageOver', () => outagesOver++);
  sealer.on('warning', (error) => warnings.push(error));
  sealer.on('checkpoint', ({ size, complete }) => {
    if (complete && struckAt === undefined) signedBefore = size;
  });
  await sealer.ready;
  sealer.write('{"n":1}');
  await sealer.flush();
  sealer.write('{"n":2}');
  provider.rotate('audit');
  provider.rotate('sign');
  let calls = 0;
  let healed = false;
  provider.faults.decide(() => {
    calls += 1;
    if (calls === step) {
      struckAt = clock.now();
      spoil.begin(place);
    }
    return struckAt === undefined || healed ? undefined : spoil.code;
  });
  let second = 0;
  const pass = async (): Promise<void> => {
    await advance(clock);
    second += 1;
    if (second % 5 === 0) sealer.write(`{"second":${second}}`);
    if (struckAt === undefined || healed || spoil.end === undefined || clock.now() < struckAt + 3_000) return;
    healed = true;
    spoil.end(place);
  };
  const isOver = (): boolean => struckAt === undefined || healed || spoil.end === undefined;
  while (second < 2_000 && handovers === 0) await pass();
  sealer.write('{"under":"the new key"}');
  const { size } = sealer.stats;
  while (second < 2_000 && !(isOver() && sealer.stats.covered > size)) await pass();
  for (let more = 0; healed && more < (outages > outagesOver ? 500 : 20); more++) await pass(); // what the old key still has to sign
  provider.faults.heal(); // what comes now is the end of the log, not of the hand-over
  await sealer.close();
  expect(handovers).toBeGreaterThan(0);
  const report = await audit(directory, provider);
  const stream = await read([file], provider);
  return { struck: struckAt !== undefined, report, stream, outages, outagesOver, warnings, signedBefore };
}

const isBusy = (): boolean =>
  process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'Immediate');

/** A second passes, and the disk, and what is loaded for the first time, get as much of the machine's time as they take. */
export async function advance(clock: FakeClock): Promise<void> {
  await clock.advance(1_000);
  do await vi.dynamicImportSettled();
  while (isBusy());
}

/** Every step that a hand-over has, until there is none left to spoil. */
async function atEveryStep(mode: Mode, spoil: () => Spoil, check: (outcome: Outcome) => void): Promise<number> {
  for (let step = 1; ; step++) {
    const outcome = await handOver(mode, step, spoil());
    if (!outcome.struck) return step - 1;
    check(outcome);
  }
}

export const worse = ({ findings }: VerifyReport): VerifyReport['findings'] =>
  findings.filter(({ severity }) => severity !== 'warning');

/** The tests of one part of the matrix: modes x failures, or states, x steps. */
export function testHandOvers(codes: readonly TamperErrorCode[], states: readonly MemoryKeyState[]): void {
  describe.each(Object.keys(modes) as Mode[])('a hand-over, sealed with %s', (mode) => {
    it.each(codes)(
      'survives three seconds of %s at every step: all is covered, and one gap says so',
      async (code) => {
        const steps = await atEveryStep(
          mode,
          () => ({ code, begin: () => undefined, end: () => undefined }),
          ({ report, stream, outages, outagesOver }) => {
            expect(worse(report)).toEqual([]);
            expect(report.verdict).toBe('ok');
            expect(outagesOver).toBe(outages);
            const gaps = stream.entries.filter((entry) => entry.kind === 'gap' && entry.why === 'key_service');
            expect(gaps).toHaveLength(outages);
            expect(outages).toBeLessThanOrEqual(1);
          },
        );
        expect(steps).toBeGreaterThan(1);
      },
      60_000,
    );

    it.each(states)(
      'from a version that is %s for three seconds from any step on: all is covered',
      async (state) => {
        await atEveryStep(
          mode,
          () => ({
            begin: ({ provider }) => {
              provider.setState('audit', state, 1);
              provider.setState('sign', state, 1);
            },
            end: ({ provider }) => {
              provider.setState('audit', 'enabled', 1);
              provider.setState('sign', 'enabled', 1);
            },
          }),
          ({ report }) => {
            expect(worse(report)).toEqual([]);
          },
        );
      },
      60_000,
    );

    it.each(states)(
      'from a version that is %s for good from any step on: what it had signed stays covered, and the next key signs on',
      async (state) => {
        await atEveryStep(
          mode,
          () => ({
            begin: ({ provider }) => {
              provider.setState('audit', state, 1);
              provider.setState('sign', state, 1);
            },
          }),
          ({ report, outages, outagesOver, warnings, signedBefore }) => {
            expect(outagesOver).toBe(outages); // it is no outage that never ends
            const found = worse(report);
            if (mode === 'data key') expect(found).toEqual([]);
            if (found.length === 0) return;
            expect(found.map(({ code }) => code)).toEqual(['UNSIGNED']);
            expect(found[0]?.seq).toBe(signedBefore + 1);
            expect(warnings).toContainEqual(expect.objectContaining({ code: 'KEY_VERSION_UNAVAILABLE' }));
          },
        );
      },
      60_000,
    );
  });
}
