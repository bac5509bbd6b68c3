import { hash } from 'node:crypto';
import { noteKeyOf } from '../../format/key-reference.ts';
import { isOrigin } from '../../format/origin.ts';
import { encodeNoteKey, type NoteKey, parseVkey } from '../../format/vkey.ts';
import type { SigningKey } from '../../keys/provider.ts';
import { DEFAULT_ACCEPTANCE } from '../../verify/auditor/auditor.ts';
import type { PublicKeyName, VerifyOptions } from '../../verify/auditor/options.ts';
import { coversOrigin } from '../../verify/auditor/origin-pattern.ts';
import type { Policy, PolicyPublicKey, StreamPolicy } from '../../verify/auditor/policy.ts';
import { witnessingOf } from '../../verify/auditor/witnesses.ts';
import { namesStream, patternsOf } from '../../verify/files/grouping.ts';
import { familyOf, namesBefore } from '../memory/family.ts';

/** What an auditor says of ten thousand streams, narrowed to the few that are verified at a time. */

/** What a whole run goes by: options of the verifier that are about no files. */
export interface AuditOptions
  extends Omit<VerifyOptions, 'paths' | 'stored' | 'input' | 'known' | 'unwrap' | 'part' | 'demux' | 'manifests'> {
  /** What verdicts rest on besides these options, such as the names of keys behind functions; where it changes, all is verified again. */
  readonly restsOn?: string;
}

/** Raised where the verifier learns to find more: what was ok before is then verified again, whole. */
const RULES = 1;

/** Names of public keys: those of a stream that the auditor names count for that stream alone (M8.17). */
interface KeysByName<K extends PublicKeyName> {
  readonly ofStreams: ReadonlyMap<string, readonly K[]>;
  readonly general: readonly K[];
}

const bytesOf = (key: NoteKey): string => encodeNoteKey(key).toString('latin1');

/** The name of no stream: none begins so. */
const ELSEWHERE = '/elsewhere';

/** A log that ends where it is proven; how recent that has to be is asked elsewhere. */
const OPEN_END = { until: new Date(0) } as const;

/** The options of each stream, and what its verdict rests on. */
export class StreamOptions {
  readonly patterns: readonly string[];
  /** The erasure logs that the policy names (R1.2). */
  readonly erasures: readonly string[];
  readonly #base: AuditOptions;
  readonly #openEnd: boolean;
  readonly #exact = new Set<string>();
  readonly #wild: readonly string[];
  readonly #byOrigin = new Map<string, StreamPolicy>();
  readonly #wildPolicies: readonly StreamPolicy[];
  readonly #given: KeysByName<PublicKeyName>;
  readonly #ofPolicy = new Map<StreamPolicy, KeysByName<PolicyPublicKey>>();
  readonly #inPolicy: ReadonlySet<string>;
  readonly #held = new Map<string, string[]>();
  readonly #dataKeyNames: ReadonlySet<string>;

  /** `openEnd`: a log need not be closed, however the policy says it ends. @throws {@link TamperError} `USAGE`, `ORIGIN_INVALID` */
  constructor(base: AuditOptions, openEnd: boolean) {
    this.#base = base;
    this.#openEnd = openEnd;
    this.patterns = patternsOf(base);
    this.erasures = base.policy?.erasures ?? [];
    const policies = base.policy?.streams ?? [];
    const names = [...this.patterns, ...policies.map(({ origin }) => origin)];
    for (const name of names) witnessingOf(base, name); // what is wrong with them is wrong with every stream
    for (const name of names) if (!name.endsWith('*')) this.#exact.add(name);
    this.#wild = [...new Set(names.filter((name) => name.endsWith('*')))];
    for (const policy of policies) if (!policy.origin.endsWith('*')) this.#byOrigin.set(policy.origin, policy);
    this.#wildPolicies = policies
      .filter(({ origin }) => origin.endsWith('*'))
      .sort((a, b) => b.origin.length - a.origin.length);
    this.#inPolicy = new Set(
      policies.flatMap(({ publicKeys }) => publicKeys.map(({ vkey }) => bytesOf(parseVkey(vkey).key))),
    );
    this.#dataKeyNames = new Set(policies.flatMap(({ dataKeys }) => dataKeys.map(({ wrap }) => wrap)));
    const given = (base.publicKeys ?? []).map((one) => (typeof one === 'string' ? { vkey: one } : one));
    const notes = [...(base.held ?? []), ...policies.flatMap(({ pins }) => pins)];
    for (const origin of new Set(notes.map((note) => note.slice(0, note.indexOf('\n'))))) {
      if (!this.names(origin)) continue;
      const family = familyOf(origin);
      this.#held.set(family, [...(this.#held.get(family) ?? []), origin]);
    }
    this.#given = this.#sorted(given.filter(({ vkey }) => !this.#inPolicy.has(bytesOf(parseVkey(vkey).key))));
  }

  /** Whether the auditor names this stream. */
  names(origin: string): boolean {
    return namesStream(this.patterns, origin, this.#base.continued ?? false);
  }

  /** Whether a stream that one of the names stands for goes on in others. */
  get continued(): boolean {
    return this.#base.continued ?? false;
  }

  /** The stream, where one alone is named. */
  get only(): string | undefined {
    const [only, another] = this.patterns;
    return another === undefined && only?.endsWith('*') === false ? only : undefined;
  }

  /** Whether the verdict on a log changes as time goes by. */
  asksTime(origin: string): boolean {
    return !this.#openEnd && (this.#base.live === true || this.policyOf(origin)?.end === 'live');
  }

  /** Whether warnings count. */
  get strict(): boolean {
    return this.#base.strict ?? false;
  }

  /** The checkpoints of a stream that the auditor holds by options and policy, as signed notes. */
  heldOf(origin: string): readonly string[] {
    const all = [...(this.#base.held ?? []), ...(this.policyOf(origin)?.pins ?? [])];
    return all.filter((note) => note.startsWith(`${origin}\n`));
  }

  /** The streams that the auditor names and holds a checkpoint of, by options and policy: by the names of their families. */
  get held(): ReadonlyMap<string, readonly string[]> {
    return this.#held;
  }

  /** The part of the policy that a stream stands under. */
  policyOf(origin: string): StreamPolicy | undefined {
    return this.#byOrigin.get(origin) ?? this.#wildPolicies.find((policy) => coversOrigin(policy.origin, origin));
  }

  /**
   * What the verifier takes for these streams, whose files alone it gets; `fromMiddle`: parts are verified, the beginnings of
   * which held checkpoints prove. `held` is everything that is held.
   */
  of(origins: readonly string[], fromMiddle: boolean, held: readonly string[]): Omit<VerifyOptions, 'paths'> {
    const { policy: _, publicKeys: __, strict: ___, restsOn: ____, ...rest } = this.#base;
    const { keys, names } = this.#keysOf(this.#given, origins);
    const policies = new Map<string, StreamPolicy>();
    for (const origin of origins) {
      const own = this.policyOf(origin) ?? (this.#openEnd ? { ...NO_POLICY, origin } : undefined);
      if (own === undefined) continue;
      const ofPolicy = this.#keysOf(this.#byName(own), origins);
      for (const name of ofPolicy.names) names.add(name);
      policies.set(own.origin, this.#narrowed(own, ofPolicy.keys, fromMiddle));
    }
    const elsewhere = this.#elsewhere([...policies.values()]);
    const narrowed: Policy | undefined =
      policies.size === 0 && elsewhere === undefined
        ? undefined
        : {
            streams: [...policies.values(), ...(elsewhere === undefined ? [] : [elsewhere])],
            // of any other stream what is recorded is given beside these options
            ...(this.#isErasureLog(origins) && { erasures: this.erasures }),
          };
    const { confirmSigner } = this.#base;
    return {
      ...rest,
      origin: [...new Set([...origins, ...names])],
      publicKeys: keys,
      held,
      ...(narrowed !== undefined && { policy: narrowed }),
      ...(this.#openEnd && { live: false }),
      ...(confirmSigner !== undefined && {
        confirmSigner: async (signer) => !this.#isInPolicy(signer) && confirmSigner(signer),
      }),
    };
  }

  /** A digest of what the verdict on a stream rests on besides its log and time: where it differs, nothing counts as checked. */
  basisOf(origin: string): string {
    const {
      dataKeys = [],
      recoveredKeys = [],
      witnesses,
      cosignatures,
      timestamps,
      acceptSuccessors,
      signerNamed,
    } = this.#base;
    const options = this.of([origin], false, this.heldOf(origin));
    const rests = {
      rules: RULES,
      policy: options.policy,
      keys: (options.publicKeys ?? []).map(counting),
      restsOn: this.#base.restsOn,
      held: options.held,
      dataKeys: dataKeys.map(({ source, named }) => [source, named]),
      recovered: recoveredKeys.map((key) => [key.origin, key.kid]),
      signer: signerNamed === true ? [...this.#inPolicy].sort() : false,
      others: { witnesses, cosignatures, timestamps, acceptSuccessors, strict: this.strict, live: this.#base.live },
      maxBytes: this.#base.maxBytes,
    };
    return hash('sha256', JSON.stringify(rests, bounded), 'hex');
  }

  #isErasureLog(origins: readonly string[]): boolean {
    return origins.some((origin) => this.erasures.includes(origin));
  }

  #isInPolicy({ spki, ...signer }: SigningKey): boolean {
    return this.#inPolicy.has(
      bytesOf(noteKeyOf({ ...signer, ...(spki !== undefined && { spki: Buffer.from(spki) }) })),
    );
  }

  #narrowed(policy: StreamPolicy, publicKeys: readonly PolicyPublicKey[], fromMiddle: boolean): StreamPolicy {
    // a fixed time is asked for as it stands; the checkpoints that it pins are given as held
    const end = this.#openEnd && typeof policy.end === 'string' ? OPEN_END : policy.end;
    return { ...policy, publicKeys, end, pins: [], wholeRequired: policy.wholeRequired && !fromMiddle };
  }

  /** What the policy names for other streams counts for nothing (M8.1). */
  #elsewhere(policies: readonly StreamPolicy[]): StreamPolicy | undefined {
    const here = new Set(policies.flatMap(({ dataKeys }) => dataKeys.map(({ wrap }) => wrap)));
    const names = [...this.#dataKeyNames].filter((name) => !here.has(name));
    if (names.length === 0) return undefined;
    const dataKeys = names.map((wrap) => ({ wrap, fromSeq: 1, untilSeq: Number.MAX_SAFE_INTEGER }));
    return { ...NO_POLICY, origin: ELSEWHERE, dataKeys };
  }

  #byName(policy: StreamPolicy): KeysByName<PolicyPublicKey> {
    const known = this.#ofPolicy.get(policy);
    if (known !== undefined) return known;
    const sorted = this.#sorted(policy.publicKeys);
    this.#ofPolicy.set(policy, sorted);
    return sorted;
  }

  #sorted<K extends PublicKeyName>(keys: readonly K[]): KeysByName<K> {
    const ofStreams = new Map<string, K[]>();
    const general: K[] = [];
    for (const key of keys) {
      const { name } = parseVkey(key.vkey);
      if (!isOrigin(name) || !(this.#exact.has(name) || this.#wild.some((pattern) => coversOrigin(pattern, name)))) {
        general.push(key);
        continue;
      }
      const same = ofStreams.get(name);
      if (same === undefined) ofStreams.set(name, [key]);
      else same.push(key);
    }
    return { ofStreams, general };
  }

  /** The keys that may count for one of these streams, and the names of streams among them. */
  #keysOf<K extends PublicKeyName>(
    { ofStreams, general }: KeysByName<K>,
    origins: readonly string[],
  ): { readonly keys: K[]; readonly names: Set<string> } {
    const names = new Set(origins.flatMap(namesBefore).filter((name) => ofStreams.has(name)));
    return { keys: [...general, ...[...names].flatMap((name) => ofStreams.get(name) ?? [])], names };
  }
}

const NO_POLICY: StreamPolicy = {
  origin: '',
  min: 1,
  records: 'hash',
  require: [],
  dataKeys: [],
  publicKeys: [],
  pins: [],
  wholeRequired: false,
  end: 'closed',
  manifestRequired: false,
  accept: DEFAULT_ACCEPTANCE,
};

/** Of a key what it counts for, not where it lies. */
function counting(key: string | PublicKeyName): object {
  const { givenBy: _, ...counts } = typeof key === 'string' ? { vkey: key, givenBy: undefined } : key;
  return counts;
}

/** JSON has no infinity. */
function bounded(_name: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'any' : value;
}
