import { withNewMaterial } from '../../keys/data-key.ts';
import { withRetry } from '../../keys/retry.ts';
import { wrappingAad } from '../../keys/wrapping-context.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import {
  check,
  type DoctorSubject,
  type Found,
  isShutOut,
  Permissions,
  stopwatch,
  testMessage,
  unlessCode,
  unlessDenied,
} from '../internal/doctor-check.ts';
import { type Attempt, currentVersion, KeyCalls } from './calls.ts';
import { type AzureKeyUrl, parseKeyUrl } from './key-url.ts';
import { isUsable, type KeyVersion, signingKeyOf } from './key-version.ts';
import { type AzureKeyVaultOptions, defaultAttemptTimeoutMs } from './options.ts';
import { AzureSession } from './session.ts';
import { assertWraps, unpackWrappedKey } from './wrapped-key.ts';

/** What {@link checkAzureKeyVault} looks at. */
export type AzureDoctorSubject = DoctorSubject<AzureKeyVaultOptions>;

/** How close to its end a version is worth a warning, in milliseconds. */
const soonMs = 14 * 86_400_000;

/**
 * Asks the vault who we are, what state the keys are in, when they rotate, and what we may do and should not. One digest
 * is signed, and one data key is made and erased. Throws only our own bugs; what the vault says is in the checks.
 */
export async function checkAzureKeyVault(subject: AzureDoctorSubject): Promise<DoctorCheck[]> {
  const session = new AzureSession(subject.options);
  const doctor = new Doctor(subject, session);
  const checks: DoctorCheck[] = [];
  try {
    if (subject.dataKeyId !== undefined) checks.push(...(await doctor.key('data key', subject.dataKeyId)));
    if (subject.signingKeyId !== undefined && !isShutOut(checks))
      checks.push(...(await doctor.key('signing key', subject.signingKeyId)));
    return [credentials(session), ...checks];
  } finally {
    session.close();
  }
}

/** Known only after the first call, because the vault says for what a token is to be asked. */
function credentials(session: AzureSession): DoctorCheck {
  const { kind, caller } = session.credentialFacts();
  if (caller === undefined)
    return { name: 'credentials', outcome: 'unknown', detail: `${kind}: no token was issued yet` };
  const who = [
    caller.application && `application ${caller.application}`,
    caller.object && `object ${caller.object}`,
    caller.tenant && `tenant ${caller.tenant}`,
  ];
  const until = new Date(caller.expiresOn).toISOString();
  const detail = [kind, ...who.filter((part) => part), `token until ${until}`].join(', ');
  return { name: 'credentials', outcome: 'ok', detail };
}

class Doctor {
  readonly #subject: AzureDoctorSubject;
  readonly #session: AzureSession;
  readonly #calls: KeyCalls;
  readonly #permissions: Permissions;

  constructor(subject: AzureDoctorSubject, session: AzureSession) {
    this.#subject = subject;
    this.#session = session;
    this.#calls = new KeyCalls(session);
    const hintFor = (action: string): string =>
      `Give writers and auditors separate roles, and leave ${action} out of this one.`;
    this.#permissions = new Permissions(subject.role, hintFor);
  }

  async key(what: 'data key' | 'signing key', keyId: string): Promise<DoctorCheck[]> {
    let version: KeyVersion | undefined;
    const state = await check(`${what}: state`, async () => {
      const url = parseKeyUrl(keyId, this.#subject.options.vaultUrl);
      const stop = stopwatch();
      version = await this.#ask((attempt) =>
        url.version === undefined
          ? currentVersion(this.#calls, url, this.#session.clock.now(), attempt)
          : this.#calls.getKey(url, attempt),
      );
      const took = stop();
      if (what === 'data key') assertWraps(version);
      else signingKeyOf(version, this.#subject.options.rsaAlgorithm ?? 'PS256');
      return stateOf(version, this.#session.clock.now(), took);
    });
    if (version === undefined) return [state];
    const checks = [state, await this.#rotation(what, version.url), await this.#listing(version.url)];
    if (state.outcome === 'failed') return checks;
    return [...checks, ...(await (what === 'data key' ? this.#dataKey(version) : this.#signing(version)))];
  }

  #rotation(what: string, url: AzureKeyUrl): Promise<DoctorCheck> {
    return check(`${what}: rotation`, async () => {
      const asked = this.#ask((attempt) => this.#calls.rotationPolicy(url, attempt));
      const policy = await unlessCode(asked, ['ACCESS_DENIED', 'UNSUPPORTED_OPERATION']); // a client that was given in may lack it
      if (policy === undefined) {
        return {
          outcome: 'ok',
          detail: 'we may not read the rotation policy; a new version is used all the same',
        };
      }
      const rotate = policy.lifetimeActions?.find(({ action }) => action.toLowerCase() === 'rotate');
      const when = rotate?.timeAfterCreate ?? rotate?.timeBeforeExpiry;
      if (when === undefined) return { outcome: 'ok', detail: 'no automatic rotation; a new version is used' };
      const of = rotate?.timeAfterCreate === undefined ? 'before a version expires' : 'after a version was created';
      return { outcome: 'ok', detail: `rotates by itself ${when} ${of}` };
    });
  }

  #listing(url: AzureKeyUrl): Promise<DoctorCheck> {
    return check('permission: list versions', async () => {
      const versions = await unlessDenied(this.#ask((attempt) => this.#calls.versions(url, attempt)));
      if (versions !== undefined) {
        const enabled = versions.filter((one) => one.enabled !== false).length;
        return { outcome: 'ok', detail: `${versions.length} versions, ${enabled} enabled` };
      }
      return {
        outcome: 'warning',
        detail: 'we may not list versions, so sealing stops if the newest version is disabled',
        hint: 'Allow keys/list (access policy) or Microsoft.KeyVault/vaults/keys/read (role).',
      };
    });
  }

  async #signing(version: KeyVersion): Promise<DoctorCheck[]> {
    const { algorithm } = signingKeyOf(version, this.#subject.options.rsaAlgorithm ?? 'PS256');
    const probe = (attempt: Attempt): Promise<unknown> =>
      this.#calls.sign(version.url, algorithm, testMessage, attempt);
    return [await this.#permissions.try('sign', 'writer', () => this.#ask(probe))];
  }

  #dataKey({ url, identity }: KeyVersion): Promise<DoctorCheck[]> {
    const aad = wrappingAad(this.#subject.context);
    const mint = (): Promise<Buffer> =>
      this.#ask((attempt) => withNewMaterial((material) => this.#calls.encrypt(url, material, aad, attempt)));
    const recover = (wrapped: Buffer): Promise<unknown> =>
      this.#ask(async (attempt) => {
        (await this.#calls.decrypt(url, unpackWrappedKey(wrapped, identity), aad, attempt)).fill(0);
      });
    return this.#permissions.tryDataKey({ action: 'encrypt', probe: mint }, { action: 'decrypt', probe: recover });
  }

  #ask<T>(act: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { attemptTimeoutMs = defaultAttemptTimeoutMs, retry } = this.#subject.options;
    const bounds = { timeoutMs: 2 * attemptTimeoutMs, attemptTimeoutMs, clock: this.#session.clock };
    const how = retry === undefined ? bounds : { ...bounds, policy: retry };
    this.#session.assertOpen();
    return withRetry({ what: 'azure-keyvault doctor', ...how }, (signal) => act({ signal, facts: { attempts: 1 } }));
  }
}

function stateOf(version: KeyVersion, now: number, took: string): Found {
  const { identity, keyType, enabled, notBefore, expiresOn } = version;
  const dates = [notBefore && `from ${notBefore.toISOString()}`, expiresOn && `until ${expiresOn.toISOString()}`];
  const state = [keyType, enabled ? 'enabled' : 'disabled', ...dates.filter((part) => part !== undefined)].join(', ');
  const detail = `${identity}: ${state} (${took})`;
  if (!isUsable(version, now)) {
    return { outcome: 'failed', detail, hint: 'Enable it, change its dates, or create a new version.' };
  }
  if (expiresOn !== undefined && expiresOn.getTime() - now < soonMs) {
    return {
      outcome: 'warning',
      detail,
      hint: 'Create a new version before this one expires, or let it rotate by itself.',
    };
  }
  return { outcome: 'ok', detail };
}
