import { createHash } from 'node:crypto';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';
import type { Watchdog } from './watchdog.ts';

/** A fuzzer led by coverage: an input that runs a part of src/ for the first time is changed further. */

/** So many inputs run between two looks at the coverage. */
const BATCH = 64;
/** An input that keeps a target busy for so long, in milliseconds of processor time, is a finding. */
const TOO_LONG = 10_000;

export interface Crash {
  readonly input: Buffer;
  readonly error: Error;
}

export interface Outcome {
  readonly executions: number;
  /** Inputs that ran something new, after the ones it began with. */
  readonly discovered: readonly Buffer[];
  readonly parts: number;
  readonly crash: Crash | undefined;
}

export const nameOf = (input: Buffer): string => createHash('sha256').update(input).digest('hex').slice(0, 16);

/** Runs one input; what it throws is the crash. */
export async function runOne(target: Target, input: Buffer, watchdog?: Watchdog): Promise<Crash | undefined> {
  const before = process.cpuUsage();
  watchdog?.begin(input);
  try {
    await target.run(Buffer.from(input));
  } catch (error) {
    return { input, error: error instanceof Error ? error : new Error(String(error)) };
  } finally {
    watchdog?.end();
  }
  const { user, system } = process.cpuUsage(before);
  if ((user + system) / 1000 < TOO_LONG) return undefined;
  return { input, error: new Error(`it took ${(user + system) / 1000} ms`) };
}

/** Fuzzes one target for `seconds`, or until something is found. */
export async function fuzz(
  target: Target,
  corpus: readonly Buffer[],
  { seconds, seed, watchdog }: { readonly seconds: number; readonly seed: number; readonly watchdog?: Watchdog },
): Promise<Outcome> {
  const random = new Random(seed);
  const coverage = new Coverage();
  const tokens = (target.tokens ?? []).map((token) => Buffer.from(token));
  const limit = target.limit ?? 4_096;
  const inputs: Buffer[] = [];
  const discovered: Buffer[] = [];
  let executions = 0;
  const done = (crash?: Crash): Outcome => {
    const parts = coverage.seen;
    coverage.stop();
    return { executions, discovered, parts, crash };
  };

  for (const input of [...target.seeds(), ...corpus]) {
    const crash = await runOne(target, input, watchdog);
    if (crash !== undefined) return done(crash);
    coverage.grew(true);
    inputs.push(input);
  }
  const begun = inputs.length;
  const make = (): Buffer => {
    const recent = inputs.length > begun && random.below(2) === 0;
    const input = recent ? (inputs[begun + random.below(inputs.length - begun)] as Buffer) : random.pick(inputs);
    const kept = random.below(2) === 0 ? target.change?.(input, random) : undefined;
    return kept ?? mutate(input, random, tokens, random.pick(inputs), limit);
  };
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const batch = Array.from({ length: BATCH }, make);
    for (const input of batch) {
      executions++;
      const crash = await runOne(target, input, watchdog);
      if (crash !== undefined) return done(await smallest(target, crash));
    }
    if (!coverage.grew(false)) continue;
    coverage.reset();
    for (const input of batch) {
      await runOne(target, input, watchdog);
      if (!coverage.grew(true)) continue;
      inputs.push(input);
      discovered.push(input);
    }
  }
  return done();
}

/** So many inputs are tried to make one smaller. */
const TRIES = 1_000;

/** Leaves out what the crash does not need. */
async function smallest(target: Target, crash: Crash): Promise<Crash> {
  let best = crash;
  let left = TRIES;
  const same = ({ error }: Crash): boolean => error.message.slice(0, 40) === crash.error.message.slice(0, 40);
  for (let size = best.input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.input.length && left > 0; left--) {
      const input = Buffer.concat([best.input.subarray(0, at), best.input.subarray(at + size)]);
      const found = input.length === best.input.length ? undefined : await runOne(target, input);
      if (found !== undefined && same(found)) best = found;
      else at += size;
    }
  }
  return best;
}
