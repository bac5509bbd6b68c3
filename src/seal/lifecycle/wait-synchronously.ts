const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. Only for the end of the process, where nothing else is to run. */
export function waitSynchronously(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}
