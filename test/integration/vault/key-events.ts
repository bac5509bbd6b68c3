import { type KeyEvent, onKeyEvent } from '../../../src/index.ts';

/** Every event since it was made, and a way to wait for the next one of a kind. */
export class KeyEvents {
  readonly all: KeyEvent[] = [];
  readonly #end: () => void;
  #waiting: (() => void)[] = [];

  constructor() {
    this.#end = onKeyEvent((event) => {
      this.all.push(event);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  of(operation: KeyEvent['operation'], outcome: KeyEvent['outcome'] = 'ok'): KeyEvent[] {
    return this.all.filter((event) => event.operation === operation && event.outcome === outcome);
  }

  /** Waits until there are so many. */
  async until(operation: KeyEvent['operation'], count: number, outcome: KeyEvent['outcome'] = 'ok'): Promise<void> {
    while (this.of(operation, outcome).length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  end(): void {
    this.#end();
  }
}
