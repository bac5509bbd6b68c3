import { hostname } from 'node:os';
import { basename } from 'node:path';
import { type ConfiguredSource, expandOrigin, modeOf, type ResolvedConfig } from '../../config/index.ts';
import { isTamperError, type TamperErrorCode } from '../../errors.ts';
import type { KeyContext } from '../../keys/provider.ts';
import type { DoctorCheck } from '../doctor-check.ts';

/** What a provider's checks look at. */
export interface DoctorSubject<Options> {
  readonly options: Options;
  /** The key for data keys, where there is one. */
  readonly dataKeyId?: string;
  /** The key for signatures, where there is one. */
  readonly signingKeyId?: string;
  /** `writer` seals and should not recover keys; `auditor` verifies and should not seal. Default `writer`. */
  readonly role?: 'writer' | 'auditor';
  /** What the data key that is made for the test is bound to; policies may allow the stream's own only. */
  readonly context: KeyContext;
}

/** What a check found. */
export type Found = Omit<DoctorCheck, 'name'>;

/** Codes that say nothing about us or the key: the same question may have an answer later. */
const undecided: ReadonlySet<TamperErrorCode> = new Set(['UNAVAILABLE', 'TIMEOUT', 'THROTTLED', 'ABORTED']);

/** Runs one check; an error in our codes is a finding, any other is our bug. */
export async function check(name: string, run: () => Promise<Found>): Promise<DoctorCheck> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    return failed(name, error);
  }
}

/** The check that ended with an error. @throws what is none of our codes */
export function failed(name: string, error: unknown): DoctorCheck {
  if (!isTamperError(error)) throw error;
  const { code, message, hint, retryable } = error;
  const outcome = retryable || undecided.has(code) ? 'unknown' : 'failed';
  return { name, outcome, code, detail: `${code}: ${message}`, ...(hint !== undefined && { hint }) };
}

/** What is signed for a test. */
export const testMessage: Buffer = Buffer.from('fapilog-tamper doctor\n', 'latin1');

/** Asks for what a key service may refuse: undefined where it does. */
export async function unlessDenied<T>(answer: Promise<T>): Promise<T | undefined> {
  return unlessCode(answer, ['ACCESS_DENIED']);
}

/** Undefined in place of an error of these codes. */
export async function unlessCode<T>(answer: Promise<T>, codes: readonly TamperErrorCode[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isTamperError(error) && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/** Begins to measure. @returns what says how long it has been: `12 ms` */
export function stopwatch(): () => string {
  const begin = performance.now();
  return () => `${Math.round(performance.now() - begin)} ms`;
}

type Role = 'writer' | 'auditor';

/** Tries out what a key service lets us do with a key: what our role needs, and what would be too much for it. */
export class Permissions {
  readonly #role: Role;
  readonly #nameOf: (action: string) => string;
  readonly #hintFor: (called: string) => string;

  /**
   * @param hintFor - what to do where we may do something, and need not
   * @param nameOf - what details call an action, if it is not what the service calls it
   */
  constructor(role: Role = 'writer', hintFor: (called: string) => string, nameOf = (action: string): string => action) {
    this.#role = role;
    this.#hintFor = hintFor;
    this.#nameOf = nameOf;
  }

  /**
   * @param action - as the service calls it: `Decrypt`
   * @param neededBy - who cannot do without
   */
  try(action: string, neededBy: Role | 'both', probe: () => Promise<unknown>): Promise<DoctorCheck> {
    const called = this.#nameOf(action);
    const isNeeded = neededBy === 'both' || neededBy === this.#role;
    return check(`permission: ${action}`, async () => {
      try {
        await probe();
      } catch (error) {
        if (isNeeded || !isTamperError(error, 'ACCESS_DENIED')) throw error;
        return { outcome: 'ok', detail: `${called} is denied, as it should be for a ${this.#role}` };
      }
      if (isNeeded) return { outcome: 'ok', detail: `${called} is allowed` };
      const detail = `${called} is allowed, which a ${this.#role} does not need`;
      return { outcome: 'warning', detail, hint: this.#hintFor(called) };
    });
  }

  /** Tries out whether we may make a data key, as a writer does, and recover it, as an auditor does. */
  async tryDataKey<Wrapped>(
    wrap: { readonly action: string; readonly probe: () => Promise<Wrapped | undefined> },
    unwrap: { readonly action: string; readonly probe: (wrapped: Wrapped) => Promise<unknown> },
  ): Promise<DoctorCheck[]> {
    let made: Wrapped | undefined;
    const mint = await this.try(wrap.action, 'writer', async () => {
      made = await wrap.probe();
    });
    const wrapped = made;
    if (wrapped !== undefined) return [mint, await this.try(unwrap.action, 'auditor', () => unwrap.probe(wrapped))];
    const detail = `there is no wrapped key to test it on, because ${wrap.action} was not possible`;
    return [mint, { name: `permission: ${unwrap.action}`, outcome: 'unknown', detail }];
  }
}

const logins: ReadonlySet<TamperErrorCode | undefined> = new Set<TamperErrorCode>([
  'UNAUTHENTICATED',
  'CREDENTIALS_EXHAUSTED',
]);

/** Whether we were not let in. Asking on would be refused again, and may lock the credential for others too. */
export function isShutOut(checks: readonly DoctorCheck[]): boolean {
  return checks.some(({ code }) => logins.has(code));
}

/** The keys that a configuration has at one key service. */
export function keysAt(
  config: ResolvedConfig,
  source: ConfiguredSource,
): Pick<DoctorSubject<unknown>, 'dataKeyId' | 'signingKeyId'> {
  const { dataKey, signingKey } = modeOf(config);
  return {
    ...(dataKey?.source === source && { dataKeyId: dataKey.keyId }),
    ...(signingKey?.source === source && { signingKeyId: signingKey.keyId }),
  };
}

/**
 * What `doctor` binds its data keys to: the configured origin, because a policy at the key service may allow no other, and
 * a key id that no stream has.
 */
export function doctorContext(config: ResolvedConfig): KeyContext {
  const { HOSTNAME } = process.env;
  const host = hostname();
  const origin = expandOrigin(config.origin, {
    host,
    pid: String(process.pid),
    instance: 'doctor',
    pod: HOSTNAME ?? host,
    basename: config.file === '-' ? 'stdout' : basename(config.file),
  });
  return { origin, kid: 'AAAAAAAA.1' };
}
