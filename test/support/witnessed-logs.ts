import type { Random } from '../interop/differential/random.ts';
import { edKey, nextPqKey, p256Key, p384Key, pqKey, rsaPkcs1Key, rsaPssKey } from '../vectors/keys.ts';
import { checkpointLine, keyIdOf, readNote, signatureLine } from './sealed-lines.ts';
import { SealedLog } from './sealed-log.ts';
import type { SigningKey } from './signing-keys.ts';
import { mlDsaWitnessKey, type Witness, witnessKey } from './witness-keys.ts';

/** Logs whose checkpoints stand in several lines, with cosignatures here and there, and what must be said of them. */

export const LOG_KEYS: readonly SigningKey[] = [edKey, p256Key, p384Key, rsaPssKey, rsaPkcs1Key, nextPqKey, pqKey];

/** Witnesses of whom enough must have cosigned: their numbers, and groups of them. */
export interface Shape {
  readonly threshold: number;
  readonly members: readonly (number | Shape)[];
}

const SEEN = 1_795_561_230;
const ed25519Witnesses = Array.from({ length: 20 }, (_, at) => witnessKey(`witness.example.com/w${at}`));
const mlDsaWitnesses = Array.from({ length: 2 }, (_, at) => mlDsaWitnessKey(`witness.example.net/pq${at}`));
export const stranger: Witness = witnessKey('stranger.example.org/w');

/** As the definition says, from the top: how many of the members are met. */
export function isMet({ threshold, members }: Shape, cosigned: ReadonlySet<number>): boolean {
  let met = 0;
  for (const one of members) if (typeof one === 'number' ? cosigned.has(one) : isMet(one, cosigned)) met++;
  return met >= threshold;
}

const every = ({ members }: Shape): number[] =>
  members.flatMap((one) => (typeof one === 'number' ? [one] : every(one)));

function makeShape(random: Random, numbers: readonly number[], depth: number): Shape {
  const members: (number | Shape)[] = [];
  for (let at = 0; at < numbers.length; ) {
    const some = depth > 0 && random.chance(0.4) ? numbers.slice(at, at + 1 + random.int(5)) : [];
    if (some.length > 0) members.push(makeShape(random, some, depth - 1));
    else members.push(numbers[at] as number);
    at += Math.max(some.length, 1);
  }
  const threshold = random.pick([1, members.length, 1 + random.int(members.length)]);
  return { threshold, members };
}

/** The text of a tlog-policy, written from its specification. */
export function tlogPolicy(logs: readonly string[], witnesses: readonly Witness[], shape: Shape): string {
  const lines = logs.map((vkey) => `log ${vkey}`);
  for (const at of every(shape)) lines.push(`witness w${at} ${witnesses[at]?.vkey}`);
  let groups = 0;
  const define = ({ threshold, members }: Shape): string => {
    const names = members.map((one) => (typeof one === 'number' ? `w${one}` : define(one)));
    const count = threshold === 1 ? 'any' : threshold === members.length ? 'all' : String(threshold);
    const name = `g${++groups}`;
    lines.push(`group ${name} ${count} ${names.join(' ')}`);
    return name;
  };
  lines.push(`quorum ${define(shape)}`);
  return `${lines.join('\n')}\n`;
}

export interface WitnessedLog {
  readonly log: SealedLog;
  readonly key: SigningKey;
  readonly witnesses: readonly Witness[];
  readonly shape: Shape;
  /** It is a list and a number, which the command line takes without a file. */
  readonly isList: boolean;
  readonly live: boolean;
  /** Cosigned checkpoints beside the log; empty if there are none. */
  readonly beside: string;
  /** By size: the named witnesses that have cosigned it. */
  readonly cosigned: ReadonlyMap<number, ReadonlySet<number>>;
  /** A line of a named witness is not one over its checkpoint. */
  readonly isSpoilt: boolean;
}

const withLine = (note: string, line: string): string => `${note}${line}`;

/** Of another checkpoint, changed, of another log, or of nobody's: none of it is a cosignature of `text`. */
function wrongLine(random: Random, by: Witness, text: string): string {
  const line = by.cosign(text, SEEN).trimEnd();
  const [origin = '', size = ''] = text.split('\n');
  switch (random.int(4)) {
    case 0:
      return by.cosign(text.replace(`\n${size}\n`, `\n${Number(size) + 1}\n`), SEEN);
    case 1:
      return by.cosign(text.replace(origin, `${origin}/b`), SEEN);
    case 2: {
      const raw = Buffer.from(line.slice(line.lastIndexOf(' ') + 1), 'base64').subarray(4);
      raw.writeUInt8(raw.readUInt8(8 + random.int(raw.length - 8)) ^ (1 << random.int(8)), raw.length - 1);
      return `${signatureLine(by.vkey.split('+')[0] ?? '', keyIdOf(by.vkey), raw)}\n`;
    }
    default:
      return `${signatureLine(by.vkey.split('+')[0] ?? '', keyIdOf(by.vkey), Buffer.alloc(72, random.int(256)))}\n`;
  }
}

/** Of the kind of key, how many witnesses, what is demanded of them, and which cosignature stands where, the seed decides. */
export function makeWitnessedLog(random: Random, key: SigningKey): WitnessedLog {
  const count = random.pick([0, 1, 2, 3, 5, 8, 20]);
  const all = random.chance(0.15) ? [...mlDsaWitnesses, ...ed25519Witnesses] : ed25519Witnesses;
  const witnesses = all.slice(0, count);
  const numbers = witnesses.map((_, at) => at).sort(() => random.int(3) - 1);
  const isList = random.chance(0.4) || count === 0;
  const shape = isList
    ? { threshold: 1 + random.int(Math.max(count, 1)), members: numbers }
    : makeShape(random, numbers, 2);
  const live = random.chance(0.3);
  const spoils = count > 0 && random.chance(0.15);
  const eager = random.pick([0, 0.3, 0.7, 1]);
  let isSpoilt = false;
  const cosigned = new Map<number, ReadonlySet<number>>();
  const beside: string[] = [];
  const later: string[] = [];
  const log = new SealedLog().open({ signers: [key] });
  const signed = (size: number): string => log.note({ size });
  const checkpoint = (): void => {
    const { size, text } = log.lastSeal;
    const by = random.some(numbers, eager);
    cosigned.set(size, new Set(by));
    const lines = by.map((at) => (witnesses[at] as Witness).cosign(text, SEEN + size));
    if (spoils && !isSpoilt && random.chance(0.4)) {
      lines.push(wrongLine(random, random.pick(witnesses), text));
      isSpoilt = true;
    }
    if (random.chance(0.2)) lines.push(stranger.cosign(text, SEEN));
    if (random.chance(0.2)) lines.push(wrongLine(random, stranger, text));
    let first = signed(size);
    for (const line of lines.sort(() => random.int(3) - 1)) {
      const again = random.chance(0.2) ? [line] : [];
      const place = random.int(3);
      if (place === 0) first = withLine(first, line + again.join(''));
      // each its own line, of this size, behind checkpoints of others
      else
        for (const one of [line, ...again])
          (place === 1 ? later : beside).push(checkpointLine(withLine(signed(size), one)));
    }
    log.raw(checkpointLine(first), 'checkpoint');
    for (const line of random.some(later, 0.5)) {
      later.splice(later.indexOf(line), 1);
      log.raw(line, 'checkpoint');
    }
  };
  log.seal();
  checkpoint();
  for (let batch = 0; batch < 1 + random.int(4); batch++) {
    log.record(...Array.from({ length: 1 + random.int(4) }, (_, at) => `{"batch":${batch},"n":${at}}`)).seal();
    checkpoint();
  }
  if (!live) {
    log.close();
    checkpoint();
  }
  for (const line of later) log.raw(line, 'checkpoint');
  beside.sort(() => random.int(3) - 1);
  const named = { log, key, witnesses, shape, isList, live, cosigned, isSpoilt };
  return { ...named, beside: beside.map((line) => `${line}\n`).join('') };
}

/** The checkpoint of a proof. */
export const noteOf = (proof: string): ReturnType<typeof readNote> & { readonly lines: readonly string[] } => {
  const note = proof.slice(proof.indexOf('\n\n') + 2);
  return {
    ...readNote(note),
    lines: note
      .slice(note.indexOf('\n\n') + 2)
      .split('\n')
      .slice(0, -1),
  };
};

/** A proof with bytes, or whole lines, changed, moved, left out or doubled. `others`: lines that are right elsewhere. */
export function mutantOf(random: Random, proof: string, others: readonly string[]): Buffer {
  const lines = proof.split('\n');
  const at = random.int(lines.length);
  switch (random.int(7)) {
    case 0:
      return Buffer.from(lines.toSpliced(at, 1).join('\n'));
    case 1:
      return Buffer.from(lines.toSpliced(random.int(lines.length), 0, lines[at] as string).join('\n'));
    case 2: {
      const without = lines.toSpliced(at, 1);
      return Buffer.from(without.toSpliced(random.int(without.length), 0, lines[at] as string).join('\n'));
    }
    case 3:
      return Buffer.from(lines.with(at, random.pick(others)).join('\n'));
    case 4: // the note alone: everything before it is as it was
      return Buffer.from(
        [...lines.slice(0, -6), ...random.some(lines.slice(-6, -1), 0.7), ...random.some(others, 0.1), ''].join('\n'),
      );
    default: {
      const bytes = Buffer.from(proof);
      const place = random.int(bytes.length);
      const kept = random.pick([place, place + 1, place + 1]);
      const middle = random.pick([[], [random.int(256)], [(bytes[place] as number) ^ (1 << random.int(8))]]);
      return Buffer.concat([bytes.subarray(0, place), Buffer.from(middle), bytes.subarray(kept)]);
    }
  }
}
