import { BroadcastChannel, parentPort, threadId, workerData } from 'node:worker_threads';
import { isTamperError, type TamperError } from '../../errors.ts';
import { onKeyEvent } from '../../keys/events.ts';
import type { SealerEvents } from '../../seal/checkpoint/sealer-events.ts';
import { withCode } from '../../seal/disk/refusal.ts';
import { sayOnStderr, tellKeptOnStderr } from '../../seal/lifecycle/failure.ts';
import type { Sealer } from '../../seal/sealer.ts';
import { CHANNEL, type Message, type PlainEvent, type Question, toPlainError } from './message.ts';

const PLAIN: readonly PlainEvent[] = ['checkpoint', 'rotate', 'closedFile', 'handover', 'outageOver', 'kept', 'torn'];

/** Whether this is the worker of pino's stream, and not some other thread of the application. */
export const isPinoWorker: boolean = isThreadStream(workerData);

function isThreadStream(data: unknown): boolean {
  if (typeof data !== 'object' || data === null || !('filename' in data) || !('stateBuf' in data)) return false;
  return data.stateBuf instanceof SharedArrayBuffer;
}

/** Tells the logger's thread, where pino's stream emits it as an event. */
export function tell(message: Message): void {
  parentPort?.postMessage({ code: 'EVENT', name: CHANNEL, args: [message] });
}

/** Publishes what a sealer says on the logger's thread, and answers what is asked from there. */
export function link(sealer: Sealer): void {
  for (const event of PLAIN) {
    (sealer.on as (event: string, listener: (argument?: unknown) => void) => void)(event, (argument) =>
      tell({ event, argument }),
    );
  }
  const unheard = new UnheardWarnings(sealer);
  sealer.on('warning', (error) => {
    tell({ event: 'warning', error: toPlainError(error) });
    unheard.warning(error);
  });
  sealer.on('kept', (kept) => unheard.kept(kept));
  sealer.on('outage', ({ since, error }) => tell({ event: 'outage', since, error: toPlainError(error) }));
  onKeyEvent((key) => tell({ event: 'key', key }));
  // not by the port to the parent: whoever listens there first takes messages from transports that begin to listen later
  const questions = new BroadcastChannel(CHANNEL);
  questions.onmessage = (message: unknown) => {
    const { data: question } = message as { readonly data: Question };
    if (question.to !== threadId) return;
    if (question.ask === 'observe') unheard.isObserved = true;
    void answer(sealer, question);
  };
  questions.unref();
  tell({ event: 'begun' });
}

/** What is said on standard error while nobody observes: each kind of warning once, and where lines are kept. */
class UnheardWarnings {
  isObserved = false;
  readonly #sealer: Sealer;
  readonly #told = new Set<string>();

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  warning({ code, message }: TamperError): void {
    if (this.#told.has(code)) return;
    this.#told.add(code);
    this.#say(`warning of the log ${this.#sealer.origin}: ${code}: ${message}`);
  }

  kept(kept: SealerEvents['kept'][0]): void {
    if (!this.isObserved) tellKeptOnStderr(this.#sealer.origin, kept);
  }

  #say(text: string): void {
    if (!this.isObserved) sayOnStderr(text);
  }
}

async function answer(sealer: Sealer, { id, ask }: Question): Promise<void> {
  try {
    // from now on the application hears of an end; else the sealer says it on standard error
    if (ask === 'observe' && sealer.listenerCount('error') === 0) {
      const hear = (error: TamperError): void => tell({ event: 'error', error: toPlainError(error) });
      sealer.on('error', hear);
      // it may have ended before anybody could observe it
      if (sealer.stats.ended)
        await sealer.flush().catch((error: unknown) => isTamperError(error, 'SEALER_CLOSED') || hear(withCode(error)));
    }
    if (ask === 'flush') await sealer.flush();
    tell({ event: 'answer', id, stats: sealer.stats });
  } catch (error) {
    tell({ event: 'answer', id, error: toPlainError(withCode(error)) });
  }
}
