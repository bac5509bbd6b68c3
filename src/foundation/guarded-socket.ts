import type { Socket } from 'node:net';
import { isError, isTamperError, TamperError } from '../errors.ts';

/**
 * Looks at what arrives on a connection before the client that it belongs to does, and ends the connection if `check` throws or
 * the client itself: clients of Kafka and of Redis collect what they are told to expect, and an answer that they cannot read
 * ends the process.
 *
 * @param party - whom to name in errors
 * @param failed - told why the connection was ended, in addition to listeners for errors of `socket`
 */
export function guardAnswers(
  socket: Socket,
  party: string,
  check: (bytes: Buffer) => void,
  failed?: (error: TamperError) => void,
): void {
  const emit = socket.emit.bind(socket);
  socket.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== 'data') return emit(event, ...values);
    if (socket.destroyed) return false;
    try {
      check(values[0] as Buffer);
      return emit(event, ...values);
    } catch (cause) {
      const error = isTamperError(cause) ? cause : unreadable(party, isError(cause) ? cause.name : 'unknown');
      socket.destroy(error);
      failed?.(error);
      return true;
    }
  };
}

/** An answer that breaks the rules of its protocol. @param why - not what was answered: it may repeat what was asked */
export function unreadable(party: string, why: string): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `${party}: the answer cannot be read (${why})`, {
    hint: 'Check the address: something else may be listening there.',
  });
}
