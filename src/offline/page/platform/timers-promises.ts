/** `setTimeout` of `node:timers/promises`. */
export function setTimeout(milliseconds: number): Promise<void> {
  return new Promise((done) => {
    globalThis.setTimeout(done, milliseconds);
  });
}
