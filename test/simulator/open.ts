/** Classes of violations that are not repaired, and why. */
export const OPEN: ReadonlyMap<string, string> = new Map([
  [
    'undecided: END_UNPROVEN UNSIGNED',
    'rotate_chain with a signing key: if the key service does not sign a close within a second, the next stream begins, and a process that ends before the signature has come leaves the close unsigned for good. The next stream cites it already, and the format has no entry by which a later run could take it over there. A start must not sign it as it stands: its file, and every state, may have been changed since.',
  ],
]);
