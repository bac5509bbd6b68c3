import type { Life } from './life.ts';

/** Something that happens at a time, in a process. */
export interface Task {
  readonly at: number;
  readonly order: number;
  readonly life: Life | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** Where the wall clock of every schedule begins. */
const WALL = Date.UTC(2026, 5, 1);

/**
 * Time that goes on only where somebody moves it, and what is to happen in it. Whatever code waits only for promises has run
 * before the next task does.
 */
export class Timeline {
  /** Milliseconds since the machine was started. */
  now = 1_000;
  /** How far the wall clock is from where it began, besides the time that went by. */
  wallOffset = 0;
  /** Whose code is running. */
  running: Life | undefined;
  #tasks: Task[] = [];
  #order = 0;
  /** Called with what a task threw. */
  thrown: (life: Life | undefined, error: unknown) => void = (_, error) => {
    throw error;
  };

  get wall(): number {
    return WALL + this.now + this.wallOffset;
  }

  after(ms: number, life: Life | undefined, run: () => void): Task {
    const task = { at: this.now + Math.max(0, ms), order: this.#order++, life, run, cancelled: false };
    const tasks = this.#tasks;
    let at = tasks.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, tasks[parent] as Task)) break;
      tasks[at] = tasks[parent] as Task;
      at = parent;
    }
    tasks[at] = task;
    return task;
  }

  /** Lets run what waits only for promises: before another process's code does, whose calls they would be taken for. */
  settle(): void {
    settle();
  }

  /** Lets time go by, and what is due happen, until `done` or for so many milliseconds. @returns whether it is done */
  pass(ms: number, done: () => boolean = () => false): boolean {
    const until = this.now + ms;
    settle();
    while (!done()) {
      const next = this.#tasks[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return done();
      }
      this.#takeFirst();
      if (next.cancelled || next.life?.isOver) continue;
      this.now = Math.max(this.now, next.at) + 0.001;
      this.#run(next);
      settle();
    }
    return true;
  }

  /** Runs something as the code of a process. */
  as<T>(life: Life | undefined, run: () => T): T {
    const before = this.running;
    this.running = life;
    try {
      return run();
    } finally {
      if (before !== undefined) this.running = before;
    }
  }

  #run(task: Task): void {
    this.running = task.life;
    try {
      task.run();
    } catch (error) {
      this.thrown(task.life, error);
    }
  }

  #takeFirst(): void {
    const tasks = this.#tasks;
    const last = tasks.pop() as Task;
    if (tasks.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= tasks.length) break;
      if (child + 1 < tasks.length && isBefore(tasks[child + 1] as Task, tasks[child] as Task)) child++;
      if (!isBefore(tasks[child] as Task, last)) break;
      tasks[at] = tasks[child] as Task;
      at = child;
    }
    tasks[at] = last;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** What Node runs between two tasks: ticks, promises, rejections that nobody handles. A turn of its event loop for each costs a tenth of a schedule. */
const settle = (process as unknown as { _tickCallback(): void })._tickCallback;
