/** Takes the place of `verify/found/stored-logs.ts`: a page takes the files that were dropped on it, and asks no bucket. */
export async function openStored(): Promise<never> {
  throw new TypeError('a page has no bucket');
}
