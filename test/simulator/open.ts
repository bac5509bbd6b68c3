/** Classes of violations that are not repaired, and why. */
export const OPEN: ReadonlyMap<string, string> = new Map([
  [
    'undecided: END_UNPROVEN UNSIGNED',
    'rotate_chain with a signing key: a process that ends between a close and its signature leaves it unsigned for good. The next stream cites that close already, and the format has no entry by which a later run could take it over there. A start must not sign it as it stands: its file, and every state, may have been changed since.',
  ],
]);
