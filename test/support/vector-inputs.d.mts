/** The names of the vectors that are logs. */
export function vectorNames(): string[];

/** A vector as its file says it (vectors/README.md); what no test in TypeScript reads is left out. */
export function readVector(name: string): {
  readonly origin: string;
  readonly files: readonly string[];
  readonly vkeys?: readonly string[];
};

/** A vector put into a folder as files, and the arguments that name them. */
export function vectorInputs(
  name: string,
  folder: string,
  options?: { readonly dataKeys?: boolean },
): { readonly args: readonly string[]; readonly expected?: 0 | 1 | 2 };
