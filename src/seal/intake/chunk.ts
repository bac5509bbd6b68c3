import { isUint8Array } from 'node:util/types';
import { isError, TamperError } from '../../errors.ts';

/**
 * Lets through what lines can be read from.
 *
 * @throws {@link TamperError} `USAGE` for anything else, and for bytes that were transferred away
 */
export function checkChunk(chunk: unknown): asserts chunk is string | Uint8Array {
  if (typeof chunk === 'string') return;
  if (!isUint8Array(chunk)) throw notALine(`of type ${chunk === null ? 'null' : typeof chunk}`);
  if (chunk.byteLength === 0 && isDetached(chunk)) throw notALine('whose memory was transferred away');
}

/** @throws {@link TamperError} `USAGE` */
export function checkText(line: unknown): asserts line is string {
  if (typeof line !== 'string') throw notALine(`of type ${line === null ? 'null' : typeof line}`);
}

function isDetached(bytes: Uint8Array): boolean {
  try {
    return new Uint8Array(bytes.buffer, 0, 0).byteLength > 0;
  } catch (error) {
    if (isError(error)) return true; // the engine's only word for it
    throw error;
  }
}

function notALine(what: string): TamperError {
  return new TamperError('USAGE', `a line must be a string or a Uint8Array, not a value ${what}`, {
    hint: 'Pass text, bytes, or JSON.stringify(value). This call logged nothing; the log continues.',
  });
}
