import { TamperError } from '../errors.ts';
import type { CarrierName } from '../index.ts';
import { type FlagSpec, type Flags, isCarrierName, shown } from '../internal.ts';

/** A flag of a command's own: what it takes, what it is for, and the value that it becomes. Help is made from it. */
export interface Flag<T> {
  /** What stands for its value in the help: `FILE`. Absent: it is given or not. */
  readonly takes?: string;
  /** One sentence without its stop. */
  readonly says: string;
  /** The values it has, or how they begin, where they are few: completion offers them. */
  readonly words?: readonly string[];
  /** Its heading in the help of a command with many flags. */
  readonly under?: string;
  readonly many: boolean;
  /** @throws {@link TamperError} `USAGE` */
  read(name: string, given: readonly (string | boolean)[]): T;
}

/** The flags of a command by their names, without the dashes. */
export type FlagSet = Readonly<Record<string, Flag<unknown>>>;

/** What flags become. */
export type FlagValues<F extends FlagSet> = { readonly [name in keyof F]: F[name] extends Flag<infer T> ? T : never };

/** Gives flags a heading in the help. */
export function under<const F extends FlagSet>(heading: string, flags: F): F {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, under: heading }])) as F;
}

const isText = (one: string | boolean): one is string => typeof one === 'string';
const oneText = (given: readonly (string | boolean)[]): string | undefined => given.filter(isText).at(-1);

/** A flag that is given or not. */
export function yes(says: string): Flag<boolean> {
  return { says, many: false, read: (_name, given) => given.at(-1) === true };
}

/** A flag with one text. */
export function text(takes: string, says: string): Flag<string | undefined> {
  return { takes, says, many: false, read: (_name, given) => oneText(given) };
}

/** A flag that may be given more than once. */
export function list(takes: string, says: string): Flag<readonly string[]> {
  return {
    takes,
    says: `${says}. May be given more than once`,
    many: true,
    read: (_name, given) => given.filter(isText),
  };
}

/** A flag with one text that becomes something else; `is` says what it must be. */
function parsed<T>(
  takes: string,
  says: string,
  is: string,
  parse: (value: string) => T | undefined,
): Flag<T | undefined> {
  return {
    takes,
    says,
    many: false,
    read: (name, given) => {
      const value = oneText(given);
      const found = value === undefined ? undefined : parse(value);
      if (value === undefined || found !== undefined) return found;
      throw new TamperError('USAGE', `--${name} is ${is}, not ${JSON.stringify(shown(value))}`);
    },
  };
}

/** A flag that is one of a few words; the first is the default. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T, says: string): Flag<T[number]> {
  const isOne = (value: string): value is T[number] => words.includes(value);
  const flag = parsed<T[number]>(words.join('|'), `${says} (default ${words[0]})`, words.join(' or '), (value) =>
    isOne(value) ? value : undefined,
  );
  return { ...flag, words, read: (name, given) => flag.read(name, given) ?? words[0] };
}

/** A flag with a whole number of at least 1. */
export function count(says: string): Flag<number | undefined> {
  return parsed('N', says, 'a whole number of at least 1', (value) => {
    const number = /^[1-9][0-9]*$/.test(value) ? Number(value) : Number.NaN;
    return Number.isSafeInteger(number) ? number : undefined;
  });
}

/** A flag that names what wrapped the lines of a log on their way. */
export function carrier(says: string): Flag<CarrierName | undefined> {
  const flag = parsed('CARRIER', says, 'docker, cri, loki or field:NAME', (value) =>
    isCarrierName(value) ? value : undefined,
  );
  return { ...flag, words: ['docker', 'cri', 'loki', 'field:'] };
}

/** A flag with a time. */
export function time(says: string): Flag<Date | undefined> {
  return parsed('TIME', says, 'a time such as 2026-11-24T23:00:00Z', (value) => {
    const moment = new Date(value);
    return Number.isNaN(moment.getTime()) ? undefined : moment;
  });
}

/** How the parser of command lines is told of them. */
export function specsOf(flags: FlagSet): Record<string, FlagSpec> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { takes, many }]) => [
      name,
      { type: takes === undefined ? 'boolean' : 'string', multiple: many },
    ]),
  );
}

/** The values of a command line. @throws {@link TamperError} `USAGE` */
export function valuesOf<F extends FlagSet>(flags: F, own: Flags['own']): FlagValues<F> {
  const values = Object.entries(flags).map(([name, flag]) => {
    const given = own[name];
    return [name, flag.read(name, given === undefined ? [] : [given].flat())];
  });
  return Object.fromEntries(values) as FlagValues<F>;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `90s`, `30m`, `26h`, `400d`. @throws {@link TamperError} `USAGE` */
export function durationOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const [, digits = '', unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const length = DURATION_UNITS[unit];
  if (length !== undefined) return Number(digits) * length;
  throw new TamperError('USAGE', `${flag} is a duration such as 90s, 30m, 26h or 400d, not ${JSON.stringify(text)}`);
}
