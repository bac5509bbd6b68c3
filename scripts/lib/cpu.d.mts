/** Seconds of CPU that this process has used and, on Linux, its children that have ended. */
export function cpuSeconds(): number;
