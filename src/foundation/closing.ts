/** What `work` gives, after what it used was closed, however it ended. @throws what `work` or else `close` throws */
export async function closing<T>(work: Promise<T>, close: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } finally {
    await close();
  }
}
