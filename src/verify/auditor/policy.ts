import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { digestBytes, sha256 } from '../../core/hash.ts';
import { TamperError } from '../../errors.ts';
import { parseTlogPolicy, type WitnessGroup } from '../../format/tlog-policy.ts';
import { vkeyProblem } from '../../format/vkey.ts';
import { readText } from '../../foundation/read-text.ts';
import { type Acceptance, DEFAULT_ACCEPTANCE, DEMANDS, type Demand } from './auditor.ts';
import { loadCheckpoint, readHeldNote } from './held-notes.ts';
import { coversOrigin } from './origin-pattern.ts';
import { quorumProblem } from './quorum.ts';
import { schemaProblem, withoutInput } from './schema-problem.ts';

/** The auditor's policy file (spec 8, "Policy file"): which streams, keys and versions, how complete and how recent. */

/** A longer policy is written with wildcards. */
const MAX_LENGTH = 2 ** 20;

/** An object whose unknown members are told with those that it may have. */
function object<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, (issue: v.StrictObjectIssue) => string> {
  const known = Object.keys(entries).join(', ');
  return v.strictObject(entries, (issue) => {
    const message = withoutInput.message(issue);
    return issue.expected === 'never' ? `${message}; those here are ${known}` : message;
  });
}

const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.pipe(v.string(), v.nonEmpty());
const range = { from_seq: v.optional(seq, 1), until_seq: v.optional(seq, Number.MAX_SAFE_INTEGER) };
const sign = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? vkeyProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: `this is not a verifier key: ${problem}` });
  }),
);
const key = v.union(
  [v.strictObject({ wrap: text, source: v.optional(text), ...range }), v.strictObject({ sign, ...range })],
  'a key is { wrap: NAME }, with source if its name does not say it, or { sign: VERIFIER KEY }, with from_seq and until_seq if it is limited',
);
const accept = object({
  adopted: v.optional(count, DEFAULT_ACCEPTANCE.adopted),
  abandoned: v.optional(count),
  recovery_gap_seconds: v.optional(count),
  restarts: v.optional(v.picklist(['keyed', 'vouched']), DEFAULT_ACCEPTANCE.restarts),
  dropped: v.optional(count),
  successors: v.optional(v.boolean(), DEFAULT_ACCEPTANCE.successors),
  erased: v.optional(count),
});
const end = v.union(
  [
    v.picklist(['closed', 'live']),
    v.strictObject({ until: v.union([v.date(), v.pipe(v.string(), v.isoTimestamp())]) }),
  ],
  'end must be closed, live, or { until: TIME }',
);
const members = object({
  origin: v.pipe(text, v.regex(/^[A-Za-z0-9._~:/@-]+(\*)?$/, 'must be an origin, or the beginning of one and *')),
  min: v.optional(count, 1),
  records: v.optional(v.picklist(['mac', 'hash']), 'hash'),
  require: v.optional(v.array(v.picklist(DEMANDS)), []),
  keys: v.optional(v.array(key), []),
  witnesses: v.optional(
    v.union([v.array(text), text], 'must be verifier keys of witnesses, or the name of a tlog-policy'),
    [],
  ),
  cosignatures: v.optional(seq),
  pins: v.optional(v.array(text), []),
  start: v.optional(v.picklist(['whole', 'held']), 'held'),
  end: v.optional(end, 'closed'),
  manifest: v.optional(v.picklist(['optional', 'required']), 'optional'),
  accept: v.optional(accept, {}),
});
const stream = v.pipe(
  members,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { witnesses, cosignatures } = dataset.value;
    if (typeof witnesses === 'string' && cosignatures === undefined) return; // the file is read later
    const problem =
      typeof witnesses === 'string'
        ? 'a tlog-policy says itself which are enough; leave out cosignatures'
        : quorumProblem(witnesses, cosignatures);
    if (problem !== undefined) addIssue({ message: `witnesses: ${problem}` });
  }),
);
const schema = object({
  version: v.literal(1),
  streams: v.pipe(
    v.array(stream),
    v.minLength(1, 'at least one stream must be named'),
    // which of two counts would depend on their order
    v.check(
      (streams) => new Set(streams.map(({ origin }) => origin)).size === streams.length,
      'an origin appears twice',
    ),
  ),
  erasures: v.optional(v.array(text), []),
});

/** A data key that a policy names, by its identity without a version or with one. */
export interface PolicyDataKey {
  readonly wrap: string;
  /** The key source. Default: what the name is spelled like. */
  readonly source?: string;
  readonly fromSeq: number;
  readonly untilSeq: number;
}

/** A public key that a policy names. */
export interface PolicyPublicKey {
  readonly vkey: string;
  readonly fromSeq: number;
  readonly untilSeq: number;
}

/** What a policy demands of one stream, or of every stream whose origin has a certain prefix. */
export interface StreamPolicy {
  /** An origin; with `*` at its end, every origin that begins with what precedes it. */
  readonly origin: string;
  /** At least this many streams must be present. */
  readonly min: number;
  readonly records: 'mac' | 'hash';
  readonly require: readonly Demand[];
  readonly dataKeys: readonly PolicyDataKey[];
  readonly publicKeys: readonly PolicyPublicKey[];
  /** Verifier keys of witnesses, or groups of them as a tlog-policy has them; absent: none. */
  readonly witnesses?: readonly string[] | WitnessGroup;
  /** So many of a list of witnesses must have cosigned the end; absent: all of them. */
  readonly cosignatures?: number | undefined;
  /** Signed notes that the auditor holds, as text. */
  readonly pins: readonly string[];
  /** The log must be present from its first entry; otherwise a held checkpoint may stand in for missing earlier entries. */
  readonly wholeRequired: boolean;
  readonly end: 'closed' | 'live' | { readonly until: Date };
  readonly manifestRequired: boolean;
  readonly accept: Acceptance;
}

/** A policy. */
export interface Policy {
  readonly streams: readonly StreamPolicy[];
  /** Origins of erasure logs: which records were erased, by whom (spec/erasure.md). Absent: none. */
  readonly erasures?: readonly string[];
  /** SHA-256 of its file, as hex; absent where it is of no file. */
  readonly sha256?: string;
}

/** R1.2: why an erasure log would prove nothing; undefined where each may record. */
function erasuresProblem(erasures: readonly string[], streams: readonly StreamPolicy[]): string | undefined {
  for (const origin of erasures) {
    const own = streams.find((one) => one.origin === origin);
    if (own === undefined) return `the erasure log ${origin} has no entry under streams, by its full name`;
    if (!own.require.includes('signature') || own.publicKeys.length === 0)
      return `the erasure log ${origin} must say "require: [signature]", and name a public key`;
    const keys = new Set(keyIdentitiesOf(own));
    const shared = streams.find((one) => one !== own && keyIdentitiesOf(one).some((one) => keys.has(one)));
    if (shared !== undefined)
      return `the erasure log ${origin} has a key in common with ${shared.origin}: anyone who writes that log could erase from it`;
  }
  return undefined;
}

/** What keys are, whatever their names: in standard base64 with its `+`, a public key as a vkey has it. */
export const keyIdentitiesOf = ({ dataKeys, publicKeys }: StreamPolicy): string[] => [
  ...dataKeys.map(({ wrap }) => wrap),
  ...publicKeys.map(({ vkey }) => vkey.split('+').slice(2).join('+')),
];

function acceptance(input: v.InferOutput<typeof accept>): Acceptance {
  return {
    adopted: input.adopted,
    abandoned: input.abandoned ?? DEFAULT_ACCEPTANCE.abandoned,
    dropped: input.dropped ?? DEFAULT_ACCEPTANCE.dropped,
    recoveryGapSeconds: input.recovery_gap_seconds ?? DEFAULT_ACCEPTANCE.recoveryGapSeconds,
    restarts: input.restarts,
    successors: input.successors,
    erased: input.erased ?? DEFAULT_ACCEPTANCE.erased,
  };
}

function readStream(
  input: v.InferOutput<typeof stream>,
  held: readonly string[],
  witnesses: readonly string[] | WitnessGroup,
): StreamPolicy {
  const dataKeys: PolicyDataKey[] = [];
  const publicKeys: PolicyPublicKey[] = [];
  for (const one of input.keys) {
    const limits = { fromSeq: one.from_seq, untilSeq: one.until_seq };
    if ('wrap' in one)
      dataKeys.push({ wrap: one.wrap, ...(one.source !== undefined && { source: one.source }), ...limits });
    else publicKeys.push({ vkey: one.sign, ...limits });
  }
  return {
    origin: input.origin,
    min: input.min,
    records: input.records,
    require: input.require,
    dataKeys,
    publicKeys,
    witnesses,
    cosignatures: input.cosignatures,
    pins: held,
    wholeRequired: input.start === 'whole',
    end: typeof input.end === 'string' ? input.end : { until: new Date(input.end.until) },
    manifestRequired: input.manifest === 'required',
    accept: acceptance(v.parse(accept, input.accept)),
  };
}

async function loadTlogPolicy(path: string): Promise<WitnessGroup> {
  return parseTlogPolicy(await readText(path), path);
}

/** A checkpoint of another stream would protect nothing. */
async function loadPin(path: string, pattern: string, pin: string): Promise<string> {
  const note = await loadCheckpoint(resolve(dirname(path), pin));
  const { origin } = readHeldNote(note, pin);
  if (coversOrigin(pattern, origin) || origin.startsWith(`${pattern}/`)) return note;
  throw invalid(path, `pins of ${pattern}: ${pin} is a checkpoint of the stream ${origin}`);
}

/** The parser's own errors are not kept: they quote the file, which may be a key that was taken for a policy. */
function invalid(path: string, message: string): TamperError {
  const shown = message.replaceAll(/\p{Cc}/gu, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
  return new TamperError('POLICY_INVALID', `${path}: ${shown}`, {
    hint: 'docs/policy.md has every member with an example; fapilog-tamper policy init drafts one from a log.',
  });
}

/** Policies whose every member was checked. */
const loaded = new WeakSet<object>();

/** Whether {@link loadPolicy} made it: a demand that nobody has read would be none. */
export function isLoadedPolicy(value: unknown): value is Policy {
  return typeof value === 'object' && value !== null && loaded.has(value);
}

/**
 * Reads a policy file, and the pins and the tlog-policy files that it names, relative to it.
 *
 * @throws {@link TamperError} `POLICY_INVALID`, with the member at fault; `FORMAT_INVALID` for a pin or a tlog-policy; `NOT_FOUND`, `READ_FAILED`
 */
export async function loadPolicy(path: string): Promise<Policy> {
  const { LineCounter } = await import('yaml');
  const { readPlainYaml } = await import('../../config/yaml.ts');
  const source = await readText(path);
  if (source.length > MAX_LENGTH) throw invalid(path, `it is longer than ${MAX_LENGTH} characters`);
  const document = readPlainYaml(source, new LineCounter());
  if ('code' in document) throw invalid(`${path}:${document.line}`, document.problem);
  const parsed = v.safeParse(schema, document.toJS(), withoutInput);
  if (!parsed.success) throw invalid(path, schemaProblem(parsed.issues, 'the policy'));
  const streams = parsed.output.streams.map(async (one) => {
    const held = await Promise.all(one.pins.map(async (pin) => loadPin(path, one.origin, pin)));
    const witnesses =
      typeof one.witnesses === 'string' ? await loadTlogPolicy(resolve(dirname(path), one.witnesses)) : one.witnesses;
    return readStream(one, held, witnesses);
  });
  const read = await Promise.all(streams);
  const { erasures } = parsed.output;
  const problem = erasuresProblem(erasures, read);
  if (problem !== undefined) throw invalid(path, `erasures: ${problem}`);
  const digest = digestBytes(sha256(source)).toString('hex');
  const policy = Object.freeze({ streams: read, ...(erasures.length > 0 && { erasures }), sha256: digest });
  loaded.add(policy);
  return policy;
}
