import type { DoctorCheck } from '../doctor-check.ts';
import { check, type Found, failed } from '../internal/doctor-check.ts';
import type { VaultKeyPath } from './key-path.ts';
import type { VaultKeyState } from './key-state.ts';

/** What the checks of permissions need. */
export interface PermissionQuestions {
  readonly dataKey: VaultKeyPath | undefined;
  readonly signingKey: VaultKeyPath | undefined;
  /** Logs in, if we are not yet. */
  readonly logIn: () => Promise<{
    readonly principal: string | undefined;
    readonly endsAt: number;
    readonly lasts: boolean;
    readonly place: string | undefined;
  }>;
  readonly stateOf: (key: VaultKeyPath) => Promise<VaultKeyState>;
  readonly capabilities: (paths: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;
}

interface Verb {
  readonly path: string;
  readonly capability: 'update' | 'read' | 'create';
  /** What a writer should have. */
  readonly wanted: boolean;
  readonly why: string;
}

/**
 * Whether we are let in; if so, what a writer's token may do by `sys/capabilities-self`, without doing it: what it needs, and the opposite verbs, which
 * it should not have.
 */
export async function checkPermissions(questions: PermissionQuestions): Promise<DoctorCheck[]> {
  const { dataKey, signingKey } = questions;
  const credentials = await check('credentials', () => credentialFacts(questions));
  if (credentials.outcome === 'failed' || credentials.outcome === 'unknown') return [credentials];
  const verbs = [...(dataKey === undefined ? [] : dataKeyVerbs(dataKey)), ...(await signingVerbs(questions))];
  const checks: DoctorCheck[] = [credentials];
  for (const key of [dataKey, signingKey]) {
    const checked = key === undefined ? undefined : await keyCheck(questions, key);
    // a token that has ended gets the same answer about itself as one that may not ask
    if (checked?.code === 'UNAUTHENTICATED') return [{ ...checked, name: credentials.name }];
    if (checked !== undefined) checks.push(checked);
  }
  try {
    const held = await questions.capabilities(verbs.map((verb) => verb.path));
    return [...checks, ...verbs.map((verb) => verdict(verb, held.get(verb.path) ?? []))];
  } catch (error) {
    const found = failed('permissions', error);
    if (found.code !== 'ACCESS_DENIED') return [...checks, found];
    const hint = 'Allow update on sys/capabilities-self, as the policy "default" does.';
    return [...checks, { ...found, outcome: 'unknown', hint }];
  }
}

async function credentialFacts({ logIn }: PermissionQuestions): Promise<Found> {
  const { principal, endsAt, lasts, place } = await logIn();
  const from = place === undefined ? '' : ` from ${place}`;
  const who = `${principal === undefined ? 'a token' : `a token of ${principal}`}${from}`;
  if (endsAt === Number.POSITIVE_INFINITY)
    return { outcome: 'ok', detail: `${who}, for which Vault reports no expiry` };
  const detail = `${who}, until ${new Date(endsAt).toISOString()}`;
  if (lasts) return { outcome: 'ok', detail: `${detail}; it is renewed or replaced automatically` };
  return {
    outcome: 'warning',
    detail: `${detail}; it cannot be renewed`,
    hint: 'Use a renewable token, the token file of an agent, AppRole or Kubernetes.',
  };
}

function dataKeyVerbs({ mount, name }: VaultKeyPath): Verb[] {
  return [
    { path: `${mount}/keys/${name}`, capability: 'read', wanted: true, why: 'to see rotations' },
    { path: `${mount}/encrypt/${name}`, capability: 'update', wanted: true, why: 'to generate data keys' },
    { path: `${mount}/encrypt/${name}`, capability: 'create', wanted: false, why: 'it would create a missing key' },
    {
      path: `${mount}/decrypt/${name}`,
      capability: 'update',
      wanted: false,
      why: 'a writer could unwrap old data keys',
    },
  ];
}

async function signingVerbs({ signingKey, stateOf }: PermissionQuestions): Promise<Verb[]> {
  if (signingKey === undefined) return [];
  const { mount, name } = signingKey;
  const isMac = await stateOf(signingKey).then(
    (state) => state.type === 'hmac',
    () => false, // keyCheck says why it cannot be read
  );
  const verb = isMac ? 'hmac' : 'sign';
  return [
    { path: `${mount}/keys/${name}`, capability: 'read', wanted: true, why: 'to see rotations and the public key' },
    { path: `${mount}/${verb}/${name}`, capability: 'update', wanted: true, why: 'to sign checkpoints' },
    {
      path: `${mount}/verify/${name}`,
      capability: 'update',
      wanted: isMac,
      why: isMac ? 'to confirm at a restart what was sealed before it' : 'a writer does not need it',
    },
  ];
}

async function keyCheck({ stateOf }: PermissionQuestions, key: VaultKeyPath): Promise<DoctorCheck> {
  const name = `key ${key.path}`;
  try {
    const state = await stateOf(key);
    const rotation =
      state.autoRotateSeconds > 0 ? `rotates every ${state.autoRotateSeconds} s` : 'does not rotate by itself';
    const detail = `${state.type}, version ${state.latestVersion}, ${rotation}`;
    if (!state.exportable) return { name, outcome: 'ok', detail };
    const hint = 'Use a key that was never exportable and never allowed plaintext backups.';
    return { name, outcome: 'warning', detail: `${detail}; it can be taken out of Vault`, hint };
  } catch (error) {
    return failed(name, error);
  }
}

function verdict({ path, capability, wanted, why }: Verb, held: readonly string[]): DoctorCheck {
  const has = held.includes(capability) || held.includes('root');
  const name = `permission: ${capability} ${path}`;
  if (has === wanted) return { name, outcome: 'ok', detail: has ? `granted, ${why}` : 'not granted, as it should be' };
  if (wanted)
    return { name, outcome: 'failed', detail: `not granted, but needed ${why}`, hint: 'See docs/providers/vault.md.' };
  return { name, outcome: 'warning', detail: `granted; ${why}`, hint: 'Leave it out of the policy of writers.' };
}
