/** The names of the vectors that are logs. */
export function vectorNames(): string[];

/** A vector put into a folder as files, and the arguments that name them. */
export function vectorInputs(
  name: string,
  folder: string,
  options?: { readonly dataKeys?: boolean },
): { readonly args: readonly string[]; readonly expected?: 0 | 1 | 2 };
