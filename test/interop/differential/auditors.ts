import { parseSignedCheckpoint } from '../../../src/format/checkpoint.ts';
import type { CaseBrings } from './both-sides.ts';
import { firstSeqOf, type HonestLog, notesOf } from './honest-log.ts';
import type { Random } from './random.ts';

/** Who may check a log, and with what. */

/** What an auditor with these keys brings. */
function keysOf(random: Random, log: HonestLog): Partial<CaseBrings> {
  const data = { data_keys: log.holder.dataKeys };
  const named = { vkeys: log.vkeys };
  if (log.mode === 'mac') return data;
  if (log.mode === 'hash') return named;
  return random.pick([data, named, { ...data, ...named }, { ...data, ...named }]);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Options that ask for more, or for less, than a closed log. */
function optionsOf(random: Random, log: HonestLog): Partial<CaseBrings> {
  const notes = notesOf(log.files);
  const held = notes.length === 0 ? {} : { held: random.some(notes, 0.3).concat(random.pick(notes)) };
  const later = random.pick([0, 1, 400, 900, 90_000, 86_400 * 30]) * 1000;
  const live = { live: true, now: iso(log.now + later) };
  const times = [log.now - 3_600_000, log.now - 60_000, log.now, log.now + 1000];
  switch (random.int(12)) {
    case 0:
    case 1:
      return held;
    case 2:
    case 3:
      return live;
    case 4:
      return { ...live, ...held };
    case 5:
      return { until: iso(random.pick(times)), ...(random.chance(0.3) && held) };
    case 6:
      return rangesOf(random, log);
    case 7:
      return {
        accept: {
          adopted: random.pick([0, 3, 1000]),
          restarts: random.pick(['keyed', 'vouched']),
          ...(random.chance(0.3) && { dropped: random.int(3) }),
          ...(random.chance(0.3) && { abandoned: random.int(3) }),
        },
        ...(random.chance(0.5) && held),
      };
    case 8:
      return { vkeys: random.some(log.vkeys, 0.6), accept: { successors: random.chance(0.7) } };
    case 9:
      return {
        policy: { records: random.pick(['mac', 'hash']), require: random.some(['mac', 'signature'] as const, 0.5) },
      };
    default:
      return {};
  }
}

/** Each key named from some size on, up to another. */
function rangesOf(random: Random, log: HonestLog): Partial<CaseBrings> {
  const sizes = notesOf(log.files).map((note) => parseSignedCheckpoint(note)?.size ?? 1);
  if (sizes.length === 0) return {};
  const range = (): [number, number] => {
    const from = random.chance(0.6) ? 1 : random.pick(sizes) + random.int(2);
    const last = random.chance(0.6) ? 0 : random.pick(sizes) - random.int(2);
    return [from, last === 0 ? 0 : Math.max(from, last)]; // no range at all is refused
  };
  return { vkey_ranges: Object.fromEntries(log.vkeys.map((vkey) => [vkey, range()])) };
}

/** An auditor of a whole log. */
export function auditorOf(random: Random, log: HonestLog): CaseBrings {
  const options = optionsOf(random, log);
  const keys = keysOf(random, log);
  const vkeys = keys.vkeys === undefined ? {} : { vkeys: options.vkeys ?? keys.vkeys };
  const origin = random.chance(0.8) ? log.origins : 'audit.example.com/*';
  return { origin, now: iso(log.now), ...options, ...keys, ...vkeys };
}

/** An auditor who asks for nothing but what his keys show. */
export function plainAuditor(random: Random, log: HonestLog): CaseBrings {
  return { origin: log.origins, now: iso(log.now), ...keysOf(random, log), ...(log.open && { live: true }) };
}

/** One file by itself, with the checkpoint before it where the auditor holds it. */
export function partOf(random: Random, log: HonestLog): { file: string; brings: CaseBrings } | undefined {
  const file = random.pick(log.files);
  const before = firstSeqOf(file) - 1;
  const all = notesOf(log.files);
  const held = all.filter((note) => {
    const size = parseSignedCheckpoint(note)?.size;
    return size === before || (random.chance(0.1) && size !== undefined);
  });
  const brings = { ...auditorOf(random, log), part: random.chance(0.85), held: random.chance(0.8) ? held : [] };
  const { until: _until, accept: _accept, policy: _policy, ...plain } = brings;
  return { file: file.name, brings: plain };
}
