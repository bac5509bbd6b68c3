import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { classifyLine, formatCheckpointLine } from '../../format/entry.ts';
import { systemCode } from '../disk/sink.ts';

const REQUEST_LIMIT = 10_000;
/** So many checkpoints wait for an anchor that is away; beyond that the oldest goes, because a newer one covers more. */
const BACKLOG = 100;

/** Additional destinations for every checkpoint: a file gets it as a checkpoint line, a URL as a POST of the note. */
export class Anchors {
  readonly #anchors: readonly { readonly name: string; waiting: string[]; busy: boolean }[];
  readonly #warn: (error: TamperError) => void;

  constructor(names: readonly string[], warn: (error: TamperError) => void) {
    this.#anchors = names.map((name) => ({ name, waiting: [], busy: false }));
    this.#warn = warn;
  }

  /** Gives a signed note to every anchor. One that fails gets it again with the next. */
  async publish(note: string): Promise<void> {
    await Promise.all(
      this.#anchors.map(async (anchor) => {
        anchor.waiting = [...anchor.waiting, note].slice(-BACKLOG);
        if (anchor.busy) return;
        anchor.busy = true;
        try {
          for (let next = anchor.waiting[0]; next !== undefined; next = anchor.waiting[0]) {
            await (isUrl(anchor.name) ? post(anchor.name, next) : append(anchor.name, next));
            anchor.waiting = anchor.waiting.slice(1);
          }
        } catch (cause) {
          this.#warn(
            new TamperError('UNAVAILABLE', `the anchor ${shownName(anchor.name)} did not accept a checkpoint`, {
              cause,
            }),
          );
        } finally {
          anchor.busy = false;
        }
      }),
    );
  }
}

/** Whether an anchor is an address; else it is a file. */
export function isUrl(name: string): boolean {
  return /^https?:\/\//.test(name);
}

/** An address may hold a password. */
function shownName(name: string): string {
  return isUrl(name) ? new URL(name).host : name;
}

async function append(path: string, note: string): Promise<void> {
  const handle = await open(path, 'a', 0o640);
  try {
    await handle.appendFile(`${formatCheckpointLine(note)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function post(url: string, note: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: note,
    signal: AbortSignal.timeout(REQUEST_LIMIT),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
}

/** The newest checkpoint of a stream in the anchors that can be read: files. */
export function newestAnchored(names: readonly string[], origin: string): SignedCheckpoint | undefined {
  let newest: SignedCheckpoint | undefined;
  for (const name of names) {
    if (isUrl(name) || !existsSync(name)) continue;
    for (const text of readAnchor(name).split('\n')) {
      const line = classifyLine(Buffer.from(text, 'utf8'));
      const note = line.type === 'checkpoint' ? line.note : undefined;
      const checkpoint = note === undefined ? undefined : parseSignedCheckpoint(note);
      if (checkpoint?.origin === origin && checkpoint.size > (newest?.size ?? 0)) newest = checkpoint;
    }
  }
  return newest;
}

function readAnchor(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (cause) {
    throw new TamperError('READ_FAILED', `cannot read the anchor ${name} (${systemCode(cause)})`, { cause });
  }
}
