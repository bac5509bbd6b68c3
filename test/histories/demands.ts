import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { FindingCode, StreamReport, VerifyOptions, VerifyReport } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { type Witness, witnessKey } from '../support/witness-keys.ts';
import { edKey, otherDataKey, pqKey } from '../vectors/keys.ts';
import { asSealed, type History, type NamedBytes } from './history.ts';
import type { Judge } from './judge.ts';
import { isEntryLine, type PlacedLine, placedLines, type Truth, truthOf } from './truth.ts';
import type { World } from './world.ts';

/** What an auditor may demand of a whole log, as much as it has and a little more than that: met, or what is said. */

interface Demand {
  readonly what: string;
  /** Members of the stream in a policy file, as YAML. */
  readonly policy?: string;
  readonly options?: Partial<VerifyOptions>;
  readonly as?: Partial<History>;
  /** Data keys have their names from their files. */
  readonly named?: boolean;
  readonly report?: (report: VerifyReport) => string[];
  readonly files?: readonly NamedBytes[];
  /** The finding above a warning that is there because of it; absent where it is met. */
  readonly unmet?: { readonly code: FindingCode; readonly seq?: number; readonly lastSeq?: number };
  /** What else may follow. */
  readonly follow?: readonly FindingCode[];
  readonly also?: (report: StreamReport) => string[];
  readonly now?: number;
}

type MakeDemand = (random: Random, world: World, truth: Truth) => Demand | undefined;

const controls = ({ entries }: Truth): PlacedLine[] =>
  [...entries.values()].filter(({ member }) => member?.kind !== undefined);

/** One less than there is, or as much. */
function limited(
  random: Random,
  member: string,
  total: number,
  unmet: Demand['unmet'],
  follow: readonly FindingCode[] = [],
): Demand | undefined {
  if (total === 0) return undefined;
  const met = random.chance(0.5);
  const limit = met ? total : total - 1;
  return {
    what: `${member} ${met}`,
    policy: `accept: { ${member}: ${limit} }`,
    ...(!met && unmet && { unmet, follow }),
  };
}

const dropped: MakeDemand = (random, _world, truth) => {
  const last = controls(truth).findLast(({ member }) => member?.kind === 'gap' && (member.dropped ?? 0) > 0);
  return limited(random, 'dropped', truth.facts.droppedLines, { code: 'DROPPED', seq: last?.member?.seq as number });
};

const abandoned: MakeDemand = (random, { mode }, truth) => {
  if (mode === 'hash') return undefined;
  return limited(random, 'abandoned', truth.facts.abandonedEntries, { code: 'ABANDONED' });
};

const adopted: MakeDemand = (random, _world, truth) =>
  limited(random, 'adopted', truth.facts.adoptedEntries, { code: 'ADOPTED' });

/** The longest pause before a recovery. */
const paused: MakeDemand = (random, { has }, truth) => {
  if (has.has('ABANDONED')) return undefined;
  const lines = controls(truth).filter(({ member }) => member?.time !== undefined);
  let longest = { seconds: 0, seq: 0 };
  for (const [at, { member }] of lines.entries()) {
    if (member?.kind !== 'open' || member.why !== 'recovered') continue;
    const seconds = (Date.parse(member.time ?? '') - Date.parse(lines[at - 1]?.member?.time ?? '')) / 1000;
    if (seconds > longest.seconds) longest = { seconds, seq: member.seq as number };
  }
  return limited(random, 'recovery_gap_seconds', Math.ceil(longest.seconds), { code: 'CADENCE' });
};

const restarts: MakeDemand = (_random, { mode }, truth) => {
  const first = controls(truth).find(({ member }) => /^(recovered|resumed)$/.test(member?.why ?? ''));
  const unmet = mode === 'mac' && first !== undefined;
  return {
    what: 'restarts vouched',
    policy: 'accept: { restarts: vouched }',
    ...(unmet && { unmet: { code: 'UNVOUCHED', seq: first.member?.seq as number } }),
  };
};

const until: MakeDemand = (random, { has }, truth) => {
  const time = truth.facts.provenTime;
  if (time === undefined || has.has('ABANDONED')) return undefined;
  const met = random.chance(0.5) || truth.facts.end === 'continued';
  const at = new Date(Date.parse(time) + (met ? 0 : 1)).toISOString();
  return {
    what: `until ${met}`,
    policy: `end: { until: ${at} }`,
    ...(!met && { unmet: { code: 'END_UNPROVEN', seq: truth.facts.lastSeq } }),
  };
};

/** A log without its last lines, which is read while it is written: its newest proven seal is recent, or too old (M8.21). */
const live: MakeDemand = (random, world, truth) => {
  const lines = placedLines(world.files);
  const notes = [...lines.keys()].filter((at) => lines[at]?.member?.kind === 'checkpoint');
  const at = random.pick(notes);
  const size = Number(lines[at]?.member?.note?.split('\n')[1]);
  const upTo = lines.slice(0, at + 1).filter(isEntryLine);
  const run = upTo.findLast(({ member }) => member?.kind === 'open' && member.why !== 'rotated');
  if (
    world.has.size > (world.has.has('RESTART') ? 1 : 0) ||
    !truth.sizes.includes(size) ||
    size < (run?.member?.seq ?? 0) ||
    Math.max(...upTo.map(({ member }) => member?.seq ?? 0)) !== size
  )
    return undefined;
  const tail = lines.slice(at + 1).findIndex(({ member }) => member?.kind !== undefined);
  const more = random.int(tail < 0 ? 1 : tail + 1);
  const kept = lines.slice(0, at + 1 + more);
  const end = kept.filter(isEntryLine).at(-1)?.member?.seq as number;
  const closed = lines.find(({ member }) => member?.seq === size)?.member;
  if (closed?.kind === 'close' && closed.why === 'continued') return undefined;
  const late = random.pick([0, 1]);
  const names = world.files.map(({ name }) => name);
  const files = names.flatMap((name) => {
    const own = kept.filter(({ file }) => file === name);
    return own.length === 0
      ? []
      : [{ name, bytes: Buffer.concat(own.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])) }];
  });
  const follows = late === 1 ? ({ unmet: { code: 'END_UNPROVEN', seq: end } } as const) : {};
  return {
    what: `live ${late} ${more}`,
    files,
    options: { live: true },
    now: Date.parse(closed?.time ?? '') + 600_000 + late,
    ...follows,
    also: ({ findings, provenSize }) => {
      const told = findings.find(({ code }) => code === 'UNSEALED_TAIL');
      const is = end > size ? `${size + 1}-${end}` : undefined;
      const says = told && `${told.seq}-${told.lastSeq}`;
      return [
        ...(is === says ? [] : [`tail ${says}, is ${is}`]),
        ...(provenSize === size ? [] : [`proven ${provenSize}, is ${size}`]),
      ];
    },
  };
};

const required: MakeDemand = (random, { mode }) => {
  const demand = random.pick(['signature', 'mac', 'post-quantum']);
  const met = demand === 'signature' ? mode !== 'mac' : demand === 'mac' && mode !== 'hash';
  const code = demand === 'mac' ? 'NO_KEY' : 'UNSIGNED';
  return {
    what: `require ${demand}`,
    policy: `require: [${demand}]`,
    ...(!met && { unmet: { code }, follow: ['END_UNPROVEN', 'UNVOUCHED', 'ADOPTED', 'ABANDONED_UNPROVEN'] as const }),
  };
};

const floor: MakeDemand = (_random, { mode }) => ({
  what: 'records mac',
  policy: 'records: mac',
  ...(mode === 'hash' && { unmet: { code: 'RECORDS_FLOOR', seq: 1 } }),
});

const strict: MakeDemand = (_random, { mode, has }, truth) => ({
  what: 'strict',
  options: { strict: true },
  also: ({ verdict }) => {
    const warns = mode === 'mac' || truth.told.length > 0 || has.has('ADOPTED');
    return (verdict === 'ok') === !warns ? [] : [`strict ${verdict}`];
  },
});

const several: MakeDemand = (_random, world) => ({
  what: 'min 2',
  policy: 'min: 2',
  unmet: { code: 'END_UNPROVEN' },
  also: () => (world.origins.length === 1 ? [] : ['several']),
});

/** The last signers count up to a size: that of the end, or one below it. */
const ranged: MakeDemand = (random, { signers, has }, truth) => {
  if (signers.length === 0 || has.has('ABANDONED') || has.has('ADOPTED')) return undefined;
  const met = random.chance(0.5);
  const size = truth.facts.provenSize - (met ? 0 : 1);
  const keys = signers.map((key) => `{ sign: "${vkeyOf(truth.facts.origin, key)}", until_seq: ${size} }`);
  return {
    what: `until_seq ${met}`,
    policy: `keys: [${keys.join(', ')}]`,
    ...(!met && { unmet: { code: 'UNSIGNED' }, follow: ['END_UNPROVEN', 'UNVOUCHED'] }),
  };
};

/** A key counts from a size on: the log does not reach it, or somebody else signed there. */
const reached: MakeDemand = (random, { signers, has }, truth) => {
  const [key] = signers;
  if (key === undefined || has.has('ADOPTED')) return undefined;
  const end = truth.facts.lastSeq;
  const stranger = random.chance(0.5);
  const from = stranger ? 2 + random.int(end - 1) : end + random.pick([1, 2, 50]);
  const keys = signers.map((one) => `{ sign: "${vkeyOf(truth.facts.origin, one)}" }`);
  keys.push(`{ sign: "${vkeyOf(truth.facts.origin, stranger ? pqKey : key)}", from_seq: ${from} }`);
  return {
    what: `from_seq ${stranger}`,
    policy: `keys: [${keys.join(', ')}]`,
    unmet: { code: 'END_UNPROVEN', ...(!stranger && { seq: end }) },
  };
};

const WITNESSES: readonly Witness[] = ['one', 'two', 'three'].map((name) => witnessKey(`witness.example.com/${name}`));
const NAMES = ['one', 'two', 'three'].map((name) => `witness.example.com/${name}`);

/** Some of the checkpoints are cosigned by some of three witnesses (M8.29). */
const witnessed: MakeDemand = (random, world, truth) => {
  if (world.has.has('ABANDONED') || world.has.has('ADOPTED') || world.has.has('TORN_TAIL')) return undefined;
  const sizes = [0, 0, 0];
  const time = Math.floor(world.now / 1000) - 100;
  const files = world.files.map(({ name, bytes }) => {
    const lines = placedLines([{ name, bytes }]).map(({ bytes: line, member }) => {
      if (member?.kind !== 'checkpoint' || member.note === undefined) return line;
      const size = Number(member.note.split('\n')[1]);
      const text = `${member.note.split('\n').slice(0, 3).join('\n')}\n`;
      const cosigned = WITNESSES.flatMap((witness, at) => {
        if (!truth.sizes.includes(size) || random.chance(0.4)) return [];
        sizes[at] = Math.max(sizes[at] as number, size);
        return [witness.cosign(text, time + size)];
      });
      return Buffer.from(
        line.toString('utf8').replace(JSON.stringify(member.note), JSON.stringify(member.note + cosigned.join(''))),
      );
    });
    return { name, bytes: Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])) };
  });
  const cosignatures = 1 + random.int(3);
  const size = [...sizes].sort((a, b) => b - a)[cosignatures - 1] as number;
  const end = truth.facts.provenSize;
  return {
    what: `${cosignatures} witnesses`,
    files,
    options: {
      witnesses: WITNESSES.map(({ vkey }) => vkey),
      ...(cosignatures < 3 || random.chance(0.5) ? { cosignatures } : {}),
    },
    ...(size < end && { unmet: { code: 'UNWITNESSED', seq: size + 1, lastSeq: end } }),
    also: ({ witnessed: says, provenSize }) => {
      const is = {
        required: cosignatures,
        size,
        witnesses: NAMES.map(
          (name, at) =>
            `${name} ${sizes[at]} ${sizes[at] === 0 ? undefined : new Date((time + (sizes[at] as number)) * 1000).toISOString()}`,
        ),
      };
      const told = says && { ...says, witnesses: says.witnesses.map((one) => `${one.name} ${one.size} ${one.time}`) };
      return [
        ...(JSON.stringify(told) === JSON.stringify(is)
          ? []
          : [`witnessed ${JSON.stringify(told)}, is ${JSON.stringify(is)}`]),
        ...(provenSize === Math.min(size, end) ? [] : [`proven ${provenSize}`]),
      ];
    },
  };
};

/** A checkpoint is held that another log has, or one of more entries than there are (spec 8.2). */
const held: MakeDemand = (random, world, truth) => {
  const kept = random.pick(world.kept);
  const [origin, , root = '', ...rest] = kept.note.split('\n');
  const end = truth.facts.lastSeq;
  const beyond = random.chance(0.4);
  const size = beyond ? end + 1 + random.int(3) : kept.size;
  const other = `${root[0] === 'A' ? 'B' : 'A'}${root.slice(1)}`;
  const note = [origin, size, beyond ? root : other, ...rest].join('\n');
  return {
    what: `held ${beyond ? 'beyond' : 'of another'}`,
    options: { held: [note] },
    unmet: { code: 'KNOWN_CONTRADICTED', seq: beyond ? end : size },
    follow: ['ADOPTED', 'ABANDONED_UNPROVEN', 'TORN_TAIL'],
  };
};

/** No key, or one that is none of the log's: of each key period that is said, and the figures are the log's own word. */
const keyless: MakeDemand = (random, { mode, has }, truth) => {
  if (has.size > (has.has('RESTART') ? 1 : 0)) return undefined;
  const wrong = mode === 'mac' && random.chance(0.5);
  const periods = truth.keys.length;
  const firsts = controls(truth).filter(
    ({ member }) => (member?.kind === 'open' && member.why !== 'rotated') || member?.kind === 'key',
  );
  const code = wrong ? 'WRONG_KEY' : 'NO_KEY';
  return {
    what: wrong ? 'wrong key' : 'no key',
    as: { keys: { vkeys: [], dataKeys: wrong ? [otherDataKey] : [] } },
    unmet: { code, seq: 1 },
    follow: ['END_UNPROVEN', 'UNVOUCHED', 'UNSIGNED', 'ADOPTED', 'NO_KEY'],
    also: ({ findings, provenSize, records, runs, keys, firstSeq, lastSeq }) => {
      const told = findings.filter((one) => one.code === code).map(({ seq }) => seq);
      const is = firsts.map(({ member }) => member?.seq);
      const { facts } = truth;
      const unchecked = keys.every(
        ({ checkedBy, signers, dataKey }) =>
          checkedBy.length === 0 &&
          (wrong || dataKey?.givenBy === undefined) &&
          signers.every(({ givenBy }) => givenBy === undefined),
      );
      const figures = records === facts.records && runs === facts.runs && firstSeq === 1 && lastSeq === facts.lastSeq;
      return [
        ...(told.join() === is.join() && keys.length === periods ? [] : [`${code} ${told}, is ${is}`]),
        ...(provenSize === 0 && findings[0]?.code === code ? [] : [`proven ${provenSize}, first ${findings[0]?.code}`]),
        ...(figures ? [] : ['figures']),
        ...(unchecked ? [] : ['checked']),
      ];
    },
  };
};

/** The data key counts up to an entry, or from one on (M8.1). */
const wrapped: MakeDemand = (random, { mode, dataKeys, has }, truth) => {
  if (mode !== 'mac' || dataKeys.length !== 1 || has.has('ABANDONED') || has.has('TORN_TAIL')) return undefined;
  const end = truth.facts.lastSeq;
  // of a key period that begins behind the range, the entry that names its key
  const begins = truth.keys.at(-1)?.firstSeq;
  const names = controls(truth).findLast(({ member }) => member?.key !== undefined && member.why !== 'rotated');
  const ended = begins === end ? (names?.member?.seq as number) : end;
  const [range, unmet] = random.pick([
    [`until_seq: ${end}`, undefined],
    [`until_seq: ${end - 1}`, { code: 'NO_KEY', seq: ended }],
    [`from_seq: ${end + 1}`, { code: 'END_UNPROVEN', seq: end }],
  ] as const);
  return {
    what: `wrap ${range.split(':')[0]} ${unmet?.code}`,
    policy: `keys: [{ wrap: audit, ${range} }]`,
    named: true,
    ...(unmet && { unmet }),
    follow: unmet === undefined ? [] : ['END_UNPROVEN', 'NO_KEY'],
  };
};

/** A signing key is named of a log that has none: for all of it, or from behind its end on. */
const unsigned: MakeDemand = (random, { mode }, truth) => {
  if (mode !== 'mac') return undefined;
  const vkey = vkeyOf(truth.facts.origin, edKey);
  const end = truth.facts.lastSeq;
  const later = random.chance(0.5);
  return {
    what: `unsigned ${later}`,
    policy: `keys: [{ sign: "${vkey}", from_seq: ${later ? end + 1 : 1} }]`,
    unmet: later ? { code: 'END_UNPROVEN', seq: end } : { code: 'UNSIGNED', seq: 1, lastSeq: end },
  };
};

/** Lines of a stream that nobody named are among those of the log (M8.2). */
const mixedIn: MakeDemand = (random, world) => {
  if (world.has.has('TORN_TAIL')) return undefined;
  const other = new SealedLog('audit.example.com/other').open({ dataKey: otherDataKey }).seal().checkpoint();
  other.record('{"n":1}').close().checkpoint();
  const others = linesOf(Buffer.concat(other.toFiles().map(({ bytes }) => bytes)));
  const own = linesOf(Buffer.concat(world.files.map(({ bytes }) => bytes)));
  const lines: Buffer[] = [];
  while (own.length + others.length > 0) {
    const list = own.length > 0 && (others.length === 0 || random.chance(0.7)) ? own : others;
    lines.push(list.shift() as Buffer);
  }
  const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
  return {
    what: 'mixed with another',
    files: [{ name: 'mixed.jsonl', bytes }],
    options: { demux: true },
    report: ({ streams }) => (streams.length === 1 ? [] : [`streams ${streams.map(({ origin }) => origin)}`]),
  };
};

/** The first files are gone, and a checkpoint of what was before, or of what came later, or of less, is held (spec 8.2). */
const begun: MakeDemand = (random, world, truth) => {
  if (world.has.has('ABANDONED') || world.has.has('ADOPTED') || world.has.has('TORN_TAIL')) return undefined;
  const at = random.int(world.files.length);
  const first = placedLines(world.files.slice(at)).find(isEntryLine)?.member;
  if (first?.kind !== 'open' || first.seq === undefined || first.seq === 1) return undefined;
  const size = first.seq - 1;
  const right = world.kept.filter((one) => one.size === size);
  const kept = random.pick([...world.kept, ...right, ...right, ...right]);
  const whole = random.chance(0.2);
  const unmet = whole || kept.size < size ? ({ code: 'START_UNPROVEN', seq: first.seq } as const) : undefined;
  const later = !whole && kept.size > size;
  return {
    what: `begins ${kept.size - size} ${whole}`,
    files: world.files.slice(at),
    options: { held: [kept.note] },
    ...(whole && { policy: 'start: whole' }),
    ...(unmet && { unmet }),
    // what is held was signed by a key of before, of which nothing here shows whose it is (M8.4)
    follow: ['START_UNPROVEN', 'UNVOUCHED', 'UNSIGNED', 'NO_KEY'],
    also: ({ findings, firstSeq, lastSeq }) => [
      ...(findings.some(({ code }) => code === 'START_HELD') !==
      (later && !findings.some(({ code }) => code === 'START_UNPROVEN'))
        ? ['START_HELD']
        : []),
      ...(firstSeq === first.seq && lastSeq === truth.facts.lastSeq ? [] : [`${firstSeq} to ${lastSeq}`]),
    ],
  };
};

/** The signers of the first run alone are named; those that it handed over to count where that is accepted. */
const successors: MakeDemand = (random, world, truth) => {
  if (world.mode !== 'hash' || truth.facts.runs > 1 || world.has.size > 0 || truth.keys.length < 2) return undefined;
  const first = new Set(truth.keys[0]?.signers?.map(({ identity }) => identity));
  const named = world.signers.filter(({ signer }) => first.has(signer.identity));
  if (truth.keys.every(({ signers = [] }) => signers.some(({ identity }) => first.has(identity)))) return undefined;
  const accepted = random.chance(0.5);
  return {
    what: `successors ${accepted}`,
    as: { keys: { vkeys: named.map((key) => vkeyOf(truth.facts.origin, key)), dataKeys: [] } },
    options: { acceptSuccessors: accepted },
    ...(!accepted && { unmet: { code: 'KEY_NOT_NAMED' } }),
    follow: ['END_UNPROVEN'],
  };
};

const isEmpty = (one: StreamReport): boolean =>
  [
    one.firstSeq,
    one.lastSeq,
    one.records,
    one.provenSize,
    one.runs,
    one.droppedLines,
    one.abandonedEntries,
    one.adoptedEntries,
    one.keys.length,
    one.timeline.events.length,
  ].every((count) => count === 0) && one.end === 'open';

/** The checkpoints of a stream that is not here are held, or nobody named it. */
const elsewhere: MakeDemand = (random, _world, truth) => {
  const origin = `${truth.facts.origin}x`;
  const named = random.chance(0.5);
  return {
    what: 'elsewhere',
    options: { origin: named ? [truth.facts.origin, origin] : [truth.facts.origin] },
    report: ({ streams, verdict }) => {
      const other = streams.find((one) => one.origin === origin);
      const says = other?.findings.map(({ code }) => code).join();
      if (!named) return other === undefined ? [] : ['a stream that nobody named'];
      return says === 'END_UNPROVEN' && verdict === 'undecided' && other !== undefined && isEmpty(other)
        ? []
        : [`elsewhere ${says}`];
    },
  };
};

const DEMANDS: readonly MakeDemand[] = [
  keyless,
  wrapped,
  wrapped,
  wrapped,
  unsigned,
  mixedIn,
  begun,
  begun,
  successors,
  successors,
  elsewhere,
  dropped,
  abandoned,
  adopted,
  paused,
  restarts,
  until,
  live,
  live,
  required,
  floor,
  strict,
  several,
  ranged,
  reached,
  witnessed,
  witnessed,
  held,
];

export interface Demanded extends History {
  readonly demand: Demand;
  readonly truth: Truth;
}

/** Undefined where the world has nothing of what is demanded. */
export function makeDemand(random: Random, world: World): Demanded | undefined {
  const [origin = '', ...others] = world.origins;
  if (world.open || (world.told?.size ?? 0) > 0 || others.length > 0) return undefined;
  const truth = truthOf(world, origin, world.files);
  const demand = random.pick(DEMANDS)(random, world, truth);
  if (demand === undefined) return undefined;
  const { what, files = world.files, as = {} } = demand;
  return { ...asSealed(world, world.dataKeys), what: [what], files, ...as, demand, truth };
}

/** What is said otherwise than it is. */
export async function demandViolations(judge: Judge, demanded: Demanded): Promise<string[]> {
  const { demand, truth, world } = demanded;
  const report = await judge.at(demanded, async (options, directory) => {
    const path = join(directory, 'policy.yaml');
    const origin = demand.what === 'min 2' ? `${truth.facts.origin}*` : truth.facts.origin;
    if (demand.policy !== undefined)
      writeFileSync(path, `version: 1\nstreams:\n  - origin: ${origin}\n    ${demand.policy}\n`);
    const { origin: named, ...rest } = options;
    if (demand.named === true) {
      mkdirSync(join(directory, 'keys'));
      writeFileSync(join(directory, 'keys', 'audit.key'), (world.dataKeys[0] as Buffer).toString('hex'), {
        mode: 0o600,
      });
      rest.keys = judge.verifier.auditorKeys({ dataKeyFiles: [join(directory, 'keys')] });
    }
    return judge.verifier.verify({
      ...rest,
      ...(demand.policy === undefined ? { origin: named as string } : { policy: path }),
      ...demand.options,
      ...(demand.now !== undefined && { now: new Date(demand.now) }),
    });
  });
  return violationsOf(demand, truth, world, report);
}

function violationsOf(demand: Demand, truth: Truth, world: World, report: VerifyReport): string[] {
  const { unmet, follow = [], also } = demand;
  const stream = report.streams.find(({ origin }) => origin === truth.facts.origin) as StreamReport;
  const findings = unmet?.code === 'END_UNPROVEN' && demand.what === 'min 2' ? report.findings : stream.findings;
  const own = new Set<FindingCode>([
    ...(world.mode === 'hash' ? (['ABANDONED_UNPROVEN', 'ADOPTED'] as const) : []),
    'TORN_TAIL',
  ]);
  const above = findings.filter(({ severity }) => severity !== 'warning');
  const says = above
    .filter(({ code }) => !own.has(code) && code !== unmet?.code && !follow.includes(code))
    .map(({ code }) => `also says ${code}`);
  const accepted = demand.what === 'adopted true';
  if (accepted && above.some(({ code }) => code === 'ADOPTED')) says.push('adopted, and more than accepted');
  if (unmet !== undefined) {
    const one = above.find(
      ({ code, seq, lastSeq }) =>
        code === unmet.code &&
        (unmet.seq === undefined || seq === unmet.seq) &&
        (unmet.lastSeq === undefined || lastSeq === unmet.lastSeq),
    );
    if (one === undefined)
      says.push(
        `no ${unmet.code} ${unmet.seq}, but ${above.map(({ code, seq, lastSeq, file }) => `${code} ${seq}-${lastSeq} ${basename(file ?? '')}`)}`,
      );
  }
  return [...says, ...(also?.(stream) ?? []), ...(demand.report?.(report) ?? [])];
}
