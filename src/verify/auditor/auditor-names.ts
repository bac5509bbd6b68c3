import { isOrigin } from '../../format/origin.ts';
import { encodeNoteKey, type NoteKey, parseVkey } from '../../format/vkey.ts';
import { elsewhere } from '../data-keys/data-key-range.ts';
import type { DataKeyName } from '../data-keys/named-data-keys.ts';
import type { NamedPublicKey } from './auditor.ts';
import type { PublicKeyName, VerifyOptions } from './options.ts';
import { coversOrigin } from './origin-pattern.ts';
import type { Policy, StreamPolicy } from './policy.ts';

/**
 * What the auditor's names mean for one stream (spec 8, M8.17, "Policy file"). Flags and options bring keys; a policy says
 * what they are for: where it names a key, its word alone counts.
 */

/** The part of a policy that a stream stands under: its exact name first, then the longest beginning. */
export function policyFor(policy: Policy | undefined, origin: string): StreamPolicy | undefined {
  const matching = policy?.streams.filter((stream) => coversOrigin(stream.origin, origin)) ?? [];
  const exact = matching.find((stream) => stream.origin === origin);
  return exact ?? matching.sort((a, b) => b.origin.length - a.origin.length)[0];
}

/** A public key with the name that it was given. */
interface NamedVkey extends NamedPublicKey {
  readonly name: string;
}

/** The public keys of one stream, and those that were named for another one. */
export interface StreamPublicKeys {
  readonly named: readonly NamedPublicKey[];
  /** Those of them that the policy names. */
  readonly byPolicy: readonly NamedPublicKey[];
  readonly elsewhere: readonly { readonly name: string; readonly key: NoteKey }[];
  /** Whether the policy says what this key is for. */
  readonly inPolicy: (key: NoteKey) => boolean;
}

/**
 * What the policy says of data keys, for one stream (M8.1): the ranges of those that it names for the stream, and that those
 * which it names for other streams count for nothing.
 */
export function policyDataKeys(policy: Policy | undefined, origin: string): DataKeyName[] {
  const ours = policyFor(policy, origin)?.dataKeys ?? [];
  const all = policy?.streams.flatMap(({ dataKeys }) => dataKeys) ?? [];
  const others = new Map(
    all.map(({ wrap: name, source }) => [keyOf(name, source), { name, ...(source !== undefined && { source }) }]),
  );
  for (const { wrap, source } of ours) others.delete(keyOf(wrap, source));
  return [...ours.map(({ wrap, ...rest }) => ({ name: wrap, ...rest })), ...[...others.values()].map(elsewhere)];
}

const keyOf = (name: string, source = ''): string => `${source} ${name}`;

/** What the stream is called that the writer of `origin` goes on with: `rotate_chain`, `new_stream` (spec 6). */
const CONTINUATION = /^(\/\d{8}T\d{6}Z-[0-9a-f]{8})+$/;

function continues(origin: string, name: string): boolean {
  return origin.startsWith(name) && CONTINUATION.test(origin.slice(name.length));
}

const bytesOf = (key: NoteKey): string => encodeNoteKey(key).toString('latin1');

function readKey(name: string | PublicKeyName, givenBy: string | undefined): NamedVkey {
  const one: PublicKeyName = typeof name === 'string' ? { vkey: name } : name;
  const { vkey, fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER } = one;
  return { ...parseVkey(vkey), fromSeq, untilSeq, givenBy: one.givenBy ?? givenBy };
}

/** Every name that the auditor has for streams. */
function namesOf({ origin, policy }: VerifyOptions): string[] {
  const given = origin === undefined ? [] : typeof origin === 'string' ? [origin] : origin;
  return [...given, ...(policy?.streams.map((stream) => stream.origin) ?? [])];
}

/**
 * The public keys that count for a stream. M8.17: a verifier key whose name is a stream that the auditor names counts for
 * that stream and those that continue it; any other name says nothing.
 *
 * @throws `FORMAT_INVALID`
 */
export function publicKeysOf(options: VerifyOptions, origin: string): StreamPublicKeys {
  const patterns = namesOf(options);
  const ours = policyFor(options.policy, origin)?.publicKeys.map((name) => readKey(name, 'the policy')) ?? [];
  const everywhere = options.policy?.streams.flatMap(({ publicKeys }) => publicKeys) ?? [];
  const inPolicy = new Set(everywhere.map(({ vkey }) => bytesOf(parseVkey(vkey).key)));
  const given = (options.publicKeys ?? []).map((name) => readKey(name, undefined));
  const all = [...ours, ...given.filter(({ key }) => !inPolicy.has(bytesOf(key)))];
  const counts = ({ name }: NamedVkey): boolean => {
    const isStream = isOrigin(name) && patterns.some((pattern) => coversOrigin(pattern, name));
    return !isStream || name === origin || continues(origin, name);
  };
  return {
    named: all.filter(counts).map(({ name: _, ...named }) => named),
    byPolicy: ours.filter(counts).map(({ name: _, ...named }) => named),
    elsewhere: all.filter((one) => !counts(one)).map(({ name, key }) => ({ name, key })),
    inPolicy: (key) => inPolicy.has(bytesOf(key)),
  };
}
