import type { Writable } from 'node:stream';

/** A line on a terminal that says how far a long reading is. */
export interface Progress {
  readonly show: (read: number, total: number) => void;
  /** Takes the line away. */
  end(): void;
}

const SHOWN_AFTER_MS = 1000;
const EVERY_MS = 200;

/** Progress on a stream, if it is a terminal and the work takes longer than a second. */
export function progressOn(stream: (Writable & { readonly isTTY?: boolean }) | undefined): Progress {
  const started = Date.now();
  let last = started + SHOWN_AFTER_MS - EVERY_MS;
  let shown = false;
  const show = (read: number, total: number): void => {
    const now = Date.now();
    if (stream?.isTTY !== true || now - last < EVERY_MS) return;
    last = now;
    shown = true;
    const megabytes = (read / 1e6).toFixed(0);
    const rate = (read / 1e3 / Math.max(now - started, 1)).toFixed(0);
    const percent = total > 0 && read <= total ? `${Math.floor((100 * read) / total)} %, ` : '';
    stream.write(`\r\u001b[Kverifying: ${percent}${megabytes} MB, ${rate} MB/s`);
  };
  const end = (): void => {
    if (shown) stream?.write('\r\u001b[K');
    shown = false;
  };
  return { show, end };
}
