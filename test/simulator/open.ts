/** Classes of violations that are not repaired, and why. */
export const OPEN: ReadonlyMap<string, string> = new Map([
  [
    'lines are out of order',
    'a spool that cannot be claimed at its own start, because state_dir fails just then, waits for the next start: what came after it is sealed first.',
  ],
]);
