/** Takes the place of `verify/parallel/parallel-reading.ts`: a page starts no processes. */
export async function withProcesses(): Promise<undefined> {
  return undefined;
}
