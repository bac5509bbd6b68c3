/** Something that takes its time, by name. */
export type Tasks = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * Does everything at once and says how far it is: at the beginning, whenever something is done, and every 10 seconds.
 *
 * @throws Error naming every task that failed and why, after all have ended; their errors are its cause
 */
export async function inParallel(what: string, tasks: Tasks, say: (line: string) => void): Promise<void> {
  const open = new Set(Object.keys(tasks));
  if (open.size === 0) return;
  const begun = performance.now();
  const since = (): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  say(`${what}: ${[...open].join(', ')}`);
  const ticking = setInterval(() => say(`${what}: still ${[...open].join(', ')} (${since()})`), 10_000);
  const failures = new Map<string, unknown>();
  await Promise.all(
    Object.entries(tasks).map(async ([name, task]) => {
      await task().then(
        () => say(`${what}: ${name} is ready (${since()})`),
        (error: unknown) => {
          failures.set(name, error);
          say(`${what}: ${name} FAILED (${since()})`);
        },
      );
      open.delete(name);
    }),
  );
  clearInterval(ticking);
  if (failures.size === 0) return;
  const reasons = [...failures].map(([name, error]) => `${name}: ${error instanceof Error ? error.message : error}`);
  throw new Error(`${what} failed: ${reasons.join('; ')}`, { cause: new AggregateError(failures.values()) });
}

/** On standard error, where no report of a test runner stands. */
export const sayOnStderr = (line: string): void => void process.stderr.write(`[test servers] ${line}\n`);
