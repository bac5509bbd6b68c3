/** Classes of violations that are not repaired, and why. */
export const OPEN: ReadonlyMap<string, string> = new Map([]);
