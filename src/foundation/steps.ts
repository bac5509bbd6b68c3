/**
 * Code that can be run both ways: with time, as an `async` function is, and at once, as the end of a process needs it. Where an
 * `async` function would `await`, it asks its runner with {@link waitFor}; everything else is written once.
 */
export type Steps<T> = Generator<Wait, T, unknown>;

/** What is answered at once by something that takes time. */
export const LATER: unique symbol = Symbol('later');

interface Wait {
  readonly later: () => Promise<unknown>;
  readonly now: () => unknown;
  readonly unused: ((value: never) => void) | undefined;
}

/**
 * Asks for something that takes time.
 *
 * @param now - has it at once, or says {@link LATER}, as it does without this
 * @param unused - given what `later` has brought after it was no longer waited for
 */
export function* waitFor<T>(
  later: () => Promise<T>,
  now: () => T | typeof LATER = () => LATER,
  unused?: (value: T) => void,
): Steps<T> {
  return (yield { later, now, unused }) as T;
}

/** Something that takes no time, as steps. */
// biome-ignore lint/correctness/useYield: so it is
export function* plain<T>(action: () => T): Steps<T> {
  return action();
}

/** Does several things at a time. @returns what became of each, when all are over */
export function* allSettled<T extends readonly unknown[]>(
  ...several: { readonly [Each in keyof T]: Steps<T[Each]> }
): Steps<{ -readonly [Each in keyof T]: PromiseSettledResult<T[Each]> }> {
  type Outcomes = { -readonly [Each in keyof T]: PromiseSettledResult<T[Each]> };
  let tasks: readonly Task<unknown>[] | undefined;
  const begun = (isAtOnce: boolean): readonly Task<unknown>[] => several.map((steps) => new Task(steps, isAtOnce));
  try {
    return yield* waitFor<Outcomes>(
      () => {
        tasks = begun(false);
        return Promise.allSettled(tasks.map(({ promise }) => promise)) as Promise<Outcomes>;
      },
      () => {
        tasks ??= begun(true);
        const over = tasks.flatMap((task) => task.finish() ?? []);
        return over.length === tasks.length ? (over as Outcomes) : LATER;
      },
    );
  } finally {
    for (const task of tasks ?? []) task.stop(undefined);
  }
}

/** Steps on their way: run with time until somebody cannot wait any longer. */
export class Task<T> {
  /** Rejects with what the steps throw, or with the reason why they were stopped; nobody has to handle it. */
  readonly promise: Promise<T>;
  readonly #steps: Steps<T>;
  #settle: (outcome: PromiseSettledResult<T>) => void = () => undefined;
  #outcome: PromiseSettledResult<T> | undefined;
  #wait: Wait | undefined;
  #isRunning = false;
  #isAtOnce: boolean;
  #isStopped = false;

  constructor(steps: Steps<T>, isAtOnce = false) {
    this.#steps = steps;
    this.#isAtOnce = isAtOnce;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (outcome) => {
        this.#outcome = outcome;
        if (outcome.status === 'fulfilled') resolve(outcome.value);
        else reject(outcome.reason as Error);
      };
    });
    this.promise.catch(() => undefined);
    this.#go(() => steps.next());
  }

  /** Goes on from where it stands without waiting; where it cannot, nothing more of it runs. @returns what came of it, if it is over */
  finish(): PromiseSettledResult<T> | undefined {
    this.#isAtOnce = true;
    const wait = this.#wait;
    if (wait !== undefined) this.#go(() => this.#answerNow(wait));
    return this.#outcome;
  }

  /** From here on none of it runs but what it does at its end in any case. */
  stop(reason: unknown): void {
    if (this.#outcome !== undefined) return;
    this.#isStopped = true;
    this.#settle({ status: 'rejected', reason });
    if (this.#isRunning) return; // whoever stops it is called by it
    this.#wait = undefined;
    this.#steps.return(undefined as never);
  }

  /** Runs until it has to wait, or is over. */
  #go(resume: () => IteratorResult<Wait, T>): void {
    this.#wait = undefined;
    this.#isRunning = true;
    try {
      for (let step = resume(); ; step = this.#answerNow(step.value)) {
        if (step.done === true) {
          if (!this.#isStopped) this.#settle({ status: 'fulfilled', value: step.value });
          return;
        }
        if (this.#isStopped) break;
        if (!this.#isAtOnce) {
          this.#waitFor(step.value);
          return;
        }
      }
      this.#steps.return(undefined as never);
    } catch (reason) {
      if (!this.#isStopped) this.#settle({ status: 'rejected', reason });
    } finally {
      this.#isRunning = false;
    }
  }

  #answerNow({ now }: Wait): IteratorResult<Wait, T> {
    let answer: unknown;
    try {
      answer = now();
    } catch (error) {
      return this.#steps.throw(error);
    }
    if (answer !== LATER) return this.#steps.next(answer);
    this.#isStopped = true;
    return this.#steps.return(undefined as never);
  }

  #waitFor(wait: Wait): void {
    this.#wait = wait;
    const isStill = (): boolean => this.#wait === wait;
    new Promise((resolve) => resolve(wait.later())).then(
      (value) => (isStill() ? this.#go(() => this.#steps.next(value)) : wait.unused?.(value as never)),
      (error: unknown) => isStill() && this.#go(() => this.#steps.throw(error)),
    );
  }
}

/** Runs steps with time. */
export async function inTime<T>(steps: Steps<T>): Promise<T> {
  return await new Task(steps).promise; // a promise of its own, which somebody has to handle
}

/** Runs steps at once. @returns {@link LATER} if there is something in them that takes time. @throws what they throw */
export function atOnce<T>(steps: Steps<T>): T | typeof LATER {
  const outcome = new Task(steps, true).finish();
  if (outcome?.status === 'rejected') throw outcome.reason;
  return outcome === undefined ? LATER : outcome.value;
}
