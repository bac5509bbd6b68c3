import { TamperError } from '../index.ts';
import type { Flags } from '../internal.ts';

/** A command's own flags, as the values that it expects. */

/** A flag that may be given more than once. */
export function listFlag({ own }: Flags, name: string): string[] {
  const value = own[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string');
}

/** A flag with one text. */
export function textFlag({ own }: Flags, name: string): string | undefined {
  const value = own[name];
  return typeof value === 'string' ? value : undefined;
}

/** A flag that is one of a few words; the first is the default. @throws {@link TamperError} `USAGE` */
export function oneOfFlag<const T extends readonly [string, ...string[]]>(
  flags: Flags,
  name: string,
  words: T,
): T[number] {
  const value = textFlag(flags, name);
  if (value === undefined) return words[0];
  if (words.includes(value)) return value;
  throw new TamperError('USAGE', `--${name} is ${words.join(' or ')}, not ${JSON.stringify(value)}`);
}

/** A flag with a whole number of at least 1. @throws {@link TamperError} `USAGE` */
export function countFlag(flags: Flags, name: string): number | undefined {
  const value = textFlag(flags, name);
  if (value === undefined) return undefined;
  const count = /^[1-9][0-9]*$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new TamperError('USAGE', `--${name} is a whole number of at least 1, not ${JSON.stringify(value)}`);
}

/** A flag with a time. @throws {@link TamperError} `USAGE` */
export function timeFlag(flags: Flags, name: string): Date | undefined {
  const value = textFlag(flags, name);
  if (value === undefined) return undefined;
  const time = new Date(value);
  if (!Number.isNaN(time.getTime())) return time;
  throw new TamperError('USAGE', `--${name} is a time such as 2026-11-24T23:00:00Z, not ${JSON.stringify(value)}`);
}
