import { type EpochKeys, SealedLog } from '../../support/sealed-log.ts';
import { dataKey, edKey } from '../keys.ts';
import { bothKeys, macKeys } from '../logs.ts';
import { cutAfter } from '../spoil.ts';
import { brings, type Further, type VectorCase, vector } from '../vector-case.ts';

/** Streams that go on from one another: a chain of one origin a file, and a stream begun in place of a contradicted one. */

const all = 'audit.example.com/vectors/*';
const names = ['chain-1', 'chain-2', 'chain-3'].map((name) => `audit.example.com/vectors/${name}`);
const first = 'FIRST_RUN_TRUSTS_KEY 1';

type After = { readonly origin: string; readonly size: number; readonly root: string };

function headOf(log: SealedLog): After {
  const { size, root } = log.lastSeal;
  return { origin: log.origin, size, root };
}

/** Entries of each: 1 open, 2 seal, 3-4 records, 5 close. */
function member(origin: string, keys: EpochKeys, after: After | undefined, next: string | undefined): SealedLog {
  const log = new SealedLog(origin)
    .open(keys, after === undefined ? {} : { after })
    .seal()
    .checkpoint();
  log.record(`{"of":"${origin}"}`, '{"a":1}');
  return (next === undefined ? log.close() : log.close('continued', { continuedBy: next })).checkpoint();
}

function chain(keys: EpochKeys): SealedLog[] {
  const made: SealedLog[] = [];
  for (const [at, origin] of names.entries()) {
    const before = made.at(-1);
    made.push(member(origin, keys, before && headOf(before), names[at + 1]));
  }
  return made;
}

function auditor(logs: readonly SealedLog[], further: Further = {}): VectorCase['brings'] {
  const data_keys = Object.assign({}, ...logs.map((log) => brings(log, { data: [dataKey] }).data_keys));
  const [log] = logs as [SealedLog];
  return { ...brings(log, { named: [edKey] }, further), data_keys, origin: all };
}

function linked(
  name: string,
  about: string,
  logs: readonly SealedLog[],
  brought: VectorCase['brings'],
  verdict: 0 | 1 | 2,
  ...findings: string[]
): VectorCase {
  const files = logs.map((log, at) => ({
    name: `log.${at + 1}.jsonl`,
    bytes: log.toFiles()[0]?.bytes ?? Buffer.alloc(0),
  }));
  return vector(name, about, files, brought, verdict, ...findings);
}

function conflict(size: number): { readonly old: SealedLog; readonly log: SealedLog } {
  const old = new SealedLog('audit.example.com/vectors/a').open(macKeys).seal().checkpoint().record('1', '2');
  old.close().checkpoint();
  const after = { origin: old.origin, size, root: headOf(old).root };
  const log = new SealedLog('audit.example.com/vectors/a/20261124T230024Z-0a1b2c3d').open(macKeys, {
    why: 'conflict',
    after,
  });
  return { old, log: log.seal().checkpoint().record('{"a":1}').close().checkpoint() };
}

/** A truncated download of the stream before: nobody can tell what stood behind it (M8.28). */
function insideLine(name: string, further: Further, ...findings: string[]): VectorCase {
  const { old, log } = conflict(5);
  const { vkeys: _, ...macsAlone } = auditor([old, log], further);
  const second = old.toFiles()[0]?.bytes ?? Buffer.alloc(0);
  const lines = second.toString('latin1').split('\n').slice(0, 3); // open, seal, its checkpoint
  const bytes = Buffer.concat([second.subarray(0, lines.join('\n').length + 1), Buffer.from('{"line":"1","integ')]);
  const files = [
    { name: 'log.1.jsonl', bytes },
    { name: 'log.2.jsonl', bytes: log.toFiles()[0]?.bytes ?? Buffer.alloc(0) },
  ];
  return vector(
    name,
    'the file of the stream before ends inside a line',
    files,
    macsAlone,
    2,
    first,
    first,
    'RESTART 1',
    ...findings,
  );
}

export function linkCases(): VectorCase[] {
  const [one, two, three] = chain(bothKeys) as [SealedLog, SealedLog, SealedLog];
  const whole = [one, two, three];
  const rewritten = new SealedLog(names[0]).open(bothKeys).seal().checkpoint().record('{"of":"somebody"}', '{"a":1}');
  rewritten.close('continued', { continuedBy: names[1] as string }).checkpoint();
  const stranger = member(names[1] as string, bothKeys, undefined, names[2]);
  const { old, log } = conflict(5);
  const { vkeys: _, ...macsAlone } = auditor([old, log]); // whoever names a public key demands a signature (M8.14)
  const cut = cutAfter(old.fork(), 2, false);
  const uncited = new SealedLog('audit.example.com/vectors/a').open(bothKeys, { why: 'conflict' }).seal().checkpoint();
  uncited.record('{"a":1}').close().checkpoint();
  return [
    linked(
      'open-contradicts-conflict',
      'a stream begins with why conflict and does not say which one it follows',
      [uncited],
      auditor([uncited]),
      1,
      'OPEN_CONTRADICTS 1',
      'RESTART 1',
    ),
    linked('valid-continued', 'three streams, each continues the one before', whole, auditor(whole), 0),
    linked(
      'link-first-missing',
      'of three streams that continue one another the first is missing',
      [two, three],
      auditor(whole),
      2,
      'START_UNPROVEN 1',
    ),
    linked(
      'link-middle-missing',
      'of three streams that continue one another the second is missing',
      [one, three],
      auditor(whole),
      2,
      'START_UNPROVEN 1',
      'END_UNPROVEN 5',
    ),
    linked(
      'link-last-missing',
      'of three streams that continue one another the last is missing',
      [one, two],
      auditor(whole),
      2,
      'END_UNPROVEN 5',
    ),
    linked(
      'link-first-missing-held',
      'the first of three streams is missing; a checkpoint of the second is held, so its beginning was seen before',
      [two, three],
      auditor(whole, { held: [two.note({ size: 2 })] }),
      0,
    ),
    linked(
      'link-contradicted',
      'who holds every key wrote the first stream anew; the second says how it was',
      [rewritten, two, three],
      auditor(whole),
      1,
      'LINK_CONTRADICTED 5',
    ),
    linked(
      'link-not-answered',
      'the stream that should continue the first one does not say that it does',
      [one, stranger],
      auditor(whole),
      2,
      'END_UNPROVEN 5',
      'END_UNPROVEN 5',
    ),
    linked(
      'valid-conflict',
      'a stream begun in place of one whose state and file disagreed',
      [old, log],
      macsAlone,
      0,
      first,
      first,
      'RESTART 1',
    ),
    linked(
      'conflict-first-missing',
      'a stream begun in place of another one, which is missing',
      [log],
      macsAlone,
      2,
      first,
      'RESTART 1',
      'START_UNPROVEN 1',
    ),
    linked(
      'link-contradicted-cut',
      'the stream in whose place another one was begun ends before the size that its state had promised',
      [cut, log],
      macsAlone,
      1,
      first,
      first,
      'RESTART 1',
      'END_UNPROVEN 2',
      'LINK_CONTRADICTED 2',
    ),
    insideLine('link-cut-inside-a-line', {}, 'END_UNPROVEN 2', 'END_UNPROVEN 2', 'TORN_TAIL'),
    insideLine(
      'link-cut-inside-a-line-live',
      { live: true, now: new Date(log.clock + 5000).toISOString() },
      'END_UNPROVEN 2',
      'UNSEALED_TAIL 3',
    ),
  ];
}
