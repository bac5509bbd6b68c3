import { TamperError } from '../../index.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `90s`, `30m`, `26h`, `400d`. @throws {@link TamperError} `USAGE` */
export function durationOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const [, digits = '', unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const length = UNITS[unit];
  if (length !== undefined) return Number(digits) * length;
  throw new TamperError('USAGE', `${flag} is a duration such as 90s, 30m, 26h or 400d, not ${JSON.stringify(text)}`);
}
