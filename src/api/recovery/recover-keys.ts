import { access, constants, lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { KeySchedule } from '../../core/key-schedule.ts';
import { systemCode, TamperError, type TamperErrorCode } from '../../errors.ts';
import type { MacKeyReference } from '../../format/key-reference.ts';
import { keyStateOf } from '../../keys/key-life.ts';
import { writeFailed, writeNewFiles } from '../../keys/new-key-files.ts';
import { policyDataKeys } from '../../verify/auditor/auditor-names.ts';
import type { Policy } from '../../verify/auditor/policy.ts';
import type { CarrierName } from '../../verify/carrier/carrier.ts';
import { dataKeyFinder } from '../../verify/data-keys/data-keys.ts';
import { isLocalSource } from '../../verify/data-keys/local-data-keys.ts';
import type { FoundDataKey, NamedDataKeys, RefusedDataKey } from '../../verify/data-keys/named-data-keys.ts';
import type { RecoveredDataKey } from '../../verify/data-keys/recovered-data-keys.ts';
import { namesStream, patternsOf } from '../../verify/files/grouping.ts';
import { Allowance } from '../../verify/model/allowance.ts';
import { type KeyPeriod, keyPeriods } from '../../verify/show/key-periods.ts';
import { eraseRecovered, formatRecoveredKeys } from './recovered-key-file.ts';

/** Asks key services for the data keys of a log once, so that nobody has to ask them again. */

/** A place where data keys may be asked for: what one configuration, the policy and flags name. */
export interface RecoveryPlace {
  readonly dataKeys: readonly NamedDataKeys[];
  readonly recoveredKeys: readonly RecoveredDataKey[];
}

/** What to recover, from whom, and where to. */
export interface RecoverKeysOptions {
  readonly paths: readonly string[];
  /** The bytes behind the path `-`. */
  readonly input?: Readable;
  readonly unwrap?: CarrierName | undefined;
  /** The streams, as for a verification: a wrapped key is bound to its stream. */
  readonly origin?: readonly string[];
  /** Also streams that a writer began in place of a named one. */
  readonly continued?: boolean;
  readonly policy?: Policy | undefined;
  /** Asked one after another, until one has the key. */
  readonly places: readonly RecoveryPlace[];
  /** The file to make. */
  readonly out: string;
}

/** What came of one key period. */
export type RecoveryOutcome =
  /** Its key is in the file. */
  | 'recovered'
  /** It has none: its records carry checksums, and public keys verify them. */
  | 'no-data-key'
  /** Its key is local, and among those that the auditor gave: verification takes it from there. */
  | 'held'
  /** Its key is local: no service has it, and the auditor gave none that fits. */
  | 'local'
  /** The auditor's names do not have its key; nobody was asked. */
  | 'not-named'
  /** The auditor's policy names its key for other entries; nobody was asked. */
  | 'not-counted'
  /** The service did not give it; `code` says why. */
  | 'refused'
  /** The service gave a key that is not the one of this key period. */
  | 'wrong-key'
  /** The service had failed too often before. */
  | 'not-asked';

/** One key period of the report. */
export interface RecoveredPeriod {
  readonly origin: string;
  readonly keyId: string;
  readonly firstSeq: number;
  /** Below `firstSeq` where the log has no entry under it. */
  readonly lastSeq: number;
  readonly outcome: RecoveryOutcome;
  /** Of its data key, as the log has them; absent where it has none. */
  readonly source?: string;
  readonly identity?: string;
  /** Why it was not recovered. */
  readonly code?: TamperErrorCode;
  readonly message?: string;
  readonly hint?: string;
}

/** What came of it all. */
export interface RecoveryReport {
  /** The file that was made; absent where nothing was recovered. */
  readonly out?: string;
  readonly periods: readonly RecoveredPeriod[];
  /** How many key periods are of streams that were not named. */
  readonly otherStreams: number;
  /** What kept the reading from a file's end, and what was passed over. */
  readonly problems: readonly string[];
  /** Whether everything that a verification of these files needs is in the file, or with the auditor. */
  readonly complete: boolean;
}

const MISSING: readonly RecoveryOutcome[] = ['local', 'not-named', 'not-counted', 'refused', 'wrong-key', 'not-asked'];

/**
 * Recovers the data key of every key period of the named streams, and writes those that fit their fingerprints to a new file
 * (mode 0600), which `verify --keys` takes. Endpoints, credentials and names come from the auditor's side; an identity in the log
 * is compared with those names before any request (M8.1).
 *
 * @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID`, `NOT_FOUND`, `READ_FAILED`; `WRITE_FAILED` where the file exists or cannot
 *   be made
 */
export async function recoverKeys(options: RecoverKeysOptions): Promise<RecoveryReport> {
  const { paths, input, unwrap, out, continued = false } = options;
  const patterns = patternsOf(options);
  await checkNew(out); // before any secret is asked for
  const origins = patterns.filter((pattern) => !pattern.endsWith('*'));
  const seen = await keyPeriods({ paths, unwrap, origins, ...(input !== undefined && { input }) });
  const named = seen.periods.filter(({ origin }) => origin !== undefined && namesStream(patterns, origin, continued));
  const recovery = new Recovery(options);
  try {
    const periods: RecoveredPeriod[] = [];
    for (const period of named) periods.push(await recovery.recover(period, period.origin ?? ''));
    const { keys } = recovery;
    if (keys.length > 0) await writeNewFiles([{ path: out, mode: 0o600, bytes: formatRecoveredKeys(keys) }]);
    return {
      ...(keys.length > 0 && { out }),
      periods,
      otherStreams: seen.periods.length - named.length,
      problems: seen.problems,
      complete: seen.complete && periods.length > 0 && !periods.some(({ outcome }) => MISSING.includes(outcome)),
    };
  } finally {
    eraseRecovered(recovery.keys);
  }
}

/** One recovery: what was recovered, and what services have said. */
class Recovery {
  readonly keys: RecoveredDataKey[] = [];
  readonly #periods = new Set<string>();
  readonly #options: RecoverKeysOptions;
  readonly #allowance = new Allowance();
  /** What the services said of a key's state: it is the same for the next key period. */
  readonly #states = new Map<string, TamperError>();

  constructor(options: RecoverKeysOptions) {
    this.#options = options;
  }

  async recover(period: KeyPeriod, origin: string): Promise<RecoveredPeriod> {
    const { kid, firstSeq, lastSeq, reference } = period;
    const facts = { origin, keyId: kid, firstSeq, lastSeq };
    if (reference.records === 'hash') return { ...facts, outcome: 'no-data-key' };
    const { source, identity } = reference;
    return { ...facts, source, identity, ...(await this.#ask(period, reference, origin)) };
  }

  async #ask(
    period: KeyPeriod,
    reference: MacKeyReference,
    origin: string,
  ): Promise<Pick<RecoveredPeriod, 'outcome' | 'code' | 'message' | 'hint'>> {
    const isLocal = reference.wrapped === undefined && isLocalSource(reference.source);
    let failure: TamperError | undefined;
    let refusal: string | undefined;
    for (const [at, place] of this.#options.places.entries()) {
      const state = `${at} ${reference.source} ${reference.identity}`;
      const before = this.#states.get(state);
      if (before === undefined && !isLocal && place.dataKeys.length > 0 && !this.#mayAsk())
        return { outcome: 'not-asked' };
      const answer = before ?? (await this.#askAt(place, period, reference, origin));
      if (answer instanceof TamperError) {
        failure ??= answer;
        if (keyStateOf(answer) !== undefined) this.#states.set(state, answer);
        else if (!isLocal) this.#allowance.take(answer.retryable ? 'serviceFailures' : 'refusedKeys');
      } else if (answer !== undefined && 'refused' in answer) refusal ??= answer.refused;
      else if (answer !== undefined) return this.#take(answer, period, reference, origin, isLocal);
    }
    if (isLocal) return { outcome: 'local' };
    if (failure === undefined)
      return refusal === undefined ? { outcome: 'not-named' } : { outcome: 'not-counted', message: refusal };
    const { code, message, hint } = failure;
    return { outcome: 'refused', code, message, ...(hint !== undefined && { hint }) };
  }

  #mayAsk(): boolean {
    return this.#allowance.left('serviceFailures') > 0 && this.#allowance.left('refusedKeys') > 0;
  }

  async #askAt(
    { dataKeys, recoveredKeys }: RecoveryPlace,
    { kid, number, firstSeq }: KeyPeriod,
    reference: MacKeyReference,
    origin: string,
  ): Promise<FoundDataKey | RefusedDataKey | TamperError | undefined> {
    const find = dataKeyFinder(dataKeys, policyDataKeys(this.#options.policy, origin), recoveredKeys);
    try {
      return await find(reference, { origin, kid, epoch: number, firstSeq });
    } catch (error) {
      if (error instanceof TamperError) return error;
      throw error;
    }
  }

  /** Keeps a key that fits its fingerprint. A local key is never copied: it is the key of every key period. */
  #take(
    found: FoundDataKey,
    { kid, number }: KeyPeriod,
    { nonce, fp, source, identity }: MacKeyReference,
    origin: string,
    isLocal: boolean,
  ): Pick<RecoveredPeriod, 'outcome'> {
    try {
      const schedule = KeySchedule.derive(found.material, { nonce, origin, epoch: number });
      schedule.erase();
      const fits = schedule.fingerprint.equals(fp);
      if (isLocal) return { outcome: fits ? 'held' : 'local' };
      if (!fits) return { outcome: 'wrong-key' };
      const period = `${origin} ${kid} ${fp.toString('hex')}`;
      if (!this.#periods.has(period)) {
        this.#periods.add(period);
        const material = Buffer.alloc(found.material.length);
        material.set(found.material);
        this.keys.push({ origin, kid, source, identity, named: found.named ?? identity, fp, material });
      }
      return { outcome: 'recovered' };
    } finally {
      found.erase();
    }
  }
}

/** Says that the file cannot be made as long as nothing has been asked for. Making it decides. */
async function checkNew(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw writeFailed(path, cause);
  }
  try {
    await lstat(path);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return;
    throw writeFailed(path, cause);
  }
  throw writeFailed(path, Object.assign(new Error(`${path} exists`), { code: 'EEXIST' }));
}
