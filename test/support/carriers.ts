import { isUtf8 } from 'node:buffer';
import type { CarrierName } from '../../src/index.ts';

/** Wraps logs as carriers do, from what their documentation says, and with none of our own code. */

/** Every carrier, by a name that {@link wrapFile} knows. */
export const carriers: readonly CarrierName[] = [
  'docker',
  'cri',
  'loki',
  'field:log',
  'field:kubernetes.log',
  'field:MESSAGE',
];

/** Docker and containerd cut lines there, in bytes. */
export const PIECE = 16_384;

const TIME = '2026-11-24T23:00:00.123456789Z';

/** A log's file as its carrier has it. */
export interface WrappedFile {
  readonly bytes: Buffer;
  /** By the number of a line of the log, from 1 on, that of the carrier's line with which it begins. */
  readonly lines: ReadonlyMap<number, number>;
}

/** Whether a carrier can carry the bytes as they are: all but CRI write text. */
export const carries = (carrier: CarrierName, bytes: Buffer): boolean => carrier === 'cri' || isUtf8(bytes);

/** Cuts where a character begins, as a carrier of text must, unless it is to break one. */
function piecesOf(line: Buffer, length: number): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  while (line.length - from > length) {
    let to = from + length;
    while (((line[to] as number) & 0xc0) === 0x80) to--;
    pieces.push(line.subarray(from, to));
    from = to;
  }
  return [...pieces, line.subarray(from)];
}

const dockerLine = (log: string, stream = 'stdout'): string => JSON.stringify({ log, stream, time: TIME });

/** One line of the carrier for a piece of standard output; `ends`: the log's line ends with it. */
function wrapPiece(carrier: CarrierName, piece: Buffer, ends: boolean): Buffer {
  const text = piece.toString('utf8');
  if (carrier === 'cri') return Buffer.concat([Buffer.from(`${TIME} stdout ${ends ? 'F' : 'P'} `), piece]);
  if (carrier === 'docker') return Buffer.from(dockerLine(ends ? `${text}\n` : text));
  if (carrier === 'loki') return Buffer.from(JSON.stringify({ labels: { app: 'pay' }, line: text, timestamp: TIME }));
  const [own = '', ...outer] = carrier.slice('field:'.length).split('.').reverse();
  // journald writes an array of bytes where it takes a text for unprintable
  const value = own === 'MESSAGE' && !/^[ -~]*$/.test(text) ? [...piece] : text;
  let object: object = { date: 1.5, [own]: value, tags: ['a', { log: 'x' }] };
  for (const name of outer) object = { [name]: object, more: null };
  return Buffer.from(JSON.stringify(object));
}

/** A line of something else, where the carrier has such. */
export function besideLine(carrier: CarrierName): Buffer | undefined {
  if (carrier === 'cri') return Buffer.from(`${TIME} stderr F {"not":"sealed"}`);
  return carrier === 'docker' ? Buffer.from(dockerLine('{"not":"sealed"}\n', 'stderr')) : undefined;
}

/** Whether a carrier cuts long lines. */
const cuts = (carrier: CarrierName): boolean => carrier === 'docker' || carrier === 'cri';

/**
 * A file's bytes as the carrier has them: each line in pieces of at most `length` bytes, standard error now and then among
 * them. What stands behind the last LF is a piece that nothing ends, or where the carrier has no pieces, a line that is torn.
 */
export function wrapFile(carrier: CarrierName, bytes: Buffer, length: number = PIECE): WrappedFile {
  const wrapped: Buffer[] = [];
  const lines = new Map<number, number>();
  const beside = besideLine(carrier);
  let from = 0;
  for (let number = 1; from < bytes.length; number++) {
    const lf = bytes.indexOf(0x0a, from);
    const ends = lf >= 0;
    const line = bytes.subarray(from, ends ? lf : bytes.length);
    from += line.length + 1;
    lines.set(number, wrapped.length + 1);
    const pieces = cuts(carrier) ? piecesOf(line, length) : [line];
    for (const [at, piece] of pieces.entries()) {
      wrapped.push(wrapPiece(carrier, piece, ends && at === pieces.length - 1));
      if (beside !== undefined && wrapped.length % 5 === 0) wrapped.push(beside);
    }
    if (!ends && !cuts(carrier)) wrapped.push(wrapped.pop()?.subarray(0, -1) ?? Buffer.alloc(0));
  }
  const torn = bytes.length > 0 && bytes.at(-1) !== 0x0a && !cuts(carrier);
  const joined = Buffer.concat(wrapped.flatMap((line) => [line, Buffer.from('\n')]));
  return { bytes: torn ? joined.subarray(0, -1) : joined, lines };
}
