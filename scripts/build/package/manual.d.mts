/** Writes the manual pages into a folder, from the compiled package in another one. @returns their names */
export function buildManual(dist: string, folder: string): Promise<readonly string[]>;
