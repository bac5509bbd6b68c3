/** Classes of violations that are not repaired, and why. */
export const OPEN: ReadonlyMap<string, string> = new Map([
  [
    'undecided: END_UNPROVEN UNSIGNED',
    'rotate_chain with a signing key: a process that ends between a close and its signature leaves it unsigned for good. The next stream cites that close already, and the format has no entry by which a later run could take it over there.',
  ],
  [
    'lines are out of order',
    'a spool that cannot be claimed at its own start, because state_dir fails just then, waits for the next start: what came after it is sealed first.',
  ],
]);
