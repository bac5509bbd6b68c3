/** The path of a program in Go, which is built first where this machine does not have it yet. */
export function goTool(name: 'cosign' | 'fsck'): string;
