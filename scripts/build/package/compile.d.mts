/** Compiles src/ into a folder as it is published. */
export function compile(folder: string): Promise<void>;
