import type { Writable } from 'node:stream';

/** A line on a terminal that says how far a long reading is. */
export interface Progress {
  /** `read` of `total` bytes; a total of 0 is not known. `more` is asked for what else to say only if it is shown. */
  readonly show: (read: number, total: number, more?: () => string) => void;
  /** Takes the line away, until there is more to show. */
  end(): void;
}

const SHOWN_AFTER_MS = 1000;
const EVERY_MS = 200;

/** Progress of what is being done (`verifying`) on a stream, if it is a terminal and the work takes longer than a second. */
export function progressOn(
  stream: (Writable & { readonly isTTY?: boolean }) | undefined,
  doing = 'verifying',
): Progress {
  const started = Date.now();
  let last = started + SHOWN_AFTER_MS - EVERY_MS;
  let shown = false;
  const show = (read: number, total: number, more?: () => string): void => {
    const now = Date.now();
    if (stream?.isTTY !== true || now - last < EVERY_MS) return;
    last = now;
    shown = true;
    const parts = [
      ...(total > 0 && read <= total ? [`${Math.floor((100 * read) / total)} %`] : []),
      ...(more === undefined ? [] : [more()]),
      `${(read / 1e6).toFixed(0)} MB`,
      `${(read / 1e3 / Math.max(now - started, 1)).toFixed(0)} MB/s`,
    ];
    stream.write(`\r\u001b[K${doing}: ${parts.join(', ')}`);
  };
  const end = (): void => {
    if (shown) stream?.write('\r\u001b[K');
    shown = false;
  };
  return { show, end };
}
