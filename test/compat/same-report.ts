/** Compares a report with a frozen one: no member may go or get another type, and some must have the value that they had. */

/** Members whose values a report has as long as the log is the same, and one that goes on from it gets the same new lines. */
const SAME = new Set(
  `abandonedEntries adoptedEntries algorithm checked checkedBy checkpoints code complete droppedLines end entries erasedRecords
  firstSeq foreignLines kind lastSeq more newestCheckpoint proven provenSize records result runs seq severity source status
  summary verdict version why counts results verdicts mode wanted`.split(/\s+/),
);
/** Members whose values depend on nothing but the frozen bytes. */
const FROZEN = new Set(
  `checkpoint firstCheckpoint fingerprint identity keyId line offset origin provenTime root sealed sha256 size spoken startTime
  endTime stream vkey index`.split(/\s+/),
);
/** What says by which version it was checked, and where and when. */
const OWN = new Set(['request', 'verifier', 'time', 'wholeAt', 'read']);

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

const isSame = (name: string, state: 'frozen' | 'continued'): boolean =>
  SAME.has(name) || (state === 'frozen' && FROZEN.has(name));

/** @param at - where in the report the values stand; for messages @param values - which values have to be equal */
export function problemsBetween(
  frozen: unknown,
  now: unknown,
  state: 'frozen' | 'continued',
  at = 'report',
  values: 'some' | 'all' | 'none' = 'some',
): string[] {
  if (typeOf(frozen) !== typeOf(now)) return [`${at} is of type ${typeOf(now)}, not ${typeOf(frozen)}`];
  if (Array.isArray(frozen) && Array.isArray(now)) {
    if (frozen.length !== now.length)
      return [`${at} has ${now.length} members, not ${frozen.length}: ${JSON.stringify(now).slice(0, 1_000)}`];
    return frozen.flatMap((one, index) => problemsBetween(one, now[index], state, `${at}[${index}]`, values));
  }
  if (isObject(frozen) && isObject(now)) {
    return Object.entries(frozen).flatMap(([name, value]) => {
      if (!(name in now)) return [`${at}.${name} is gone`];
      const below = OWN.has(name) ? 'none' : values === 'some' && isSame(name, state) ? 'all' : values;
      return problemsBetween(value, now[name], state, `${at}.${name}`, below);
    });
  }
  return values === 'all' && frozen !== now ? [`${at} is ${JSON.stringify(now)}, not ${JSON.stringify(frozen)}`] : [];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
