import { parentPort } from 'node:worker_threads';
import { asError } from '../../errors.ts';
import { onKeyEvent } from '../../keys/events.ts';
import type { Sealer } from '../../seal/sealer.ts';
import { CHANNEL, type Message, type PlainEvent, type Question, toPlainError } from './message.ts';

const PLAIN: readonly PlainEvent[] = ['checkpoint', 'rotate', 'closedFile', 'handover', 'outageOver', 'kept', 'torn'];

/** Tells the logger's thread; in the logger's own thread there is nobody to tell. pino's stream emits it there as an event. */
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
  sealer.on('warning', (error) => tell({ event: 'warning', error: toPlainError(error) }));
  sealer.on('outage', ({ since, error }) => tell({ event: 'outage', since, error: toPlainError(error) }));
  onKeyEvent((key) => tell({ event: 'key', key }));
  parentPort?.on('message', (question: Partial<Question> | undefined) => {
    if (question?.code === CHANNEL) void answer(sealer, question as Question);
  });
}

async function answer(sealer: Sealer, { id, ask }: Question): Promise<void> {
  try {
    // from now on the application hears of an end; else the sealer says it on standard error
    if (ask === 'observe') sealer.on('error', (error) => tell({ event: 'error', error: toPlainError(error) }));
    if (ask === 'flush') await sealer.flush();
    tell({ event: 'answer', id, stats: sealer.stats });
  } catch (error) {
    tell({ event: 'answer', id, error: toPlainError(asError(error)) });
  }
}
