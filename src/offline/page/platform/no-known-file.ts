/** Takes the place of `verify/auditor/known.ts`: a page holds checkpoints in memory, and writes no file. */
export async function withKnown(): Promise<never> {
  throw new TypeError('a page has no file of known checkpoints');
}
