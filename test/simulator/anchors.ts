import { createHash } from 'node:crypto';
import { Inode } from './disk.ts';
import type { Life } from './life.ts';
import { ANCHOR, type Machine } from './machine.ts';
import type { WriterCode } from './tree.ts';

type OpenBucket = ConstructorParameters<WriterCode['Sealer']>[1]['openBucket'];

/** How an anchor behaves. `loses`: it does what it is asked, and its answer is lost. `babbles`: its answers are not what they should be. */
export type AnchorMood = 'well' | 'away' | 'hangs' | 'loses' | 'babbles';

/** What an address answers with: the note of the largest size, the last one that came, or nothing. */
export type Keeping = 'newest' | 'last' | 'nothing';

export const ANCHOR_KINDS = ['file', 'address', 'bucket'] as const;
export type AnchorKind = (typeof ANCHOR_KINDS)[number];

/** A second place for checkpoints, which outlives the machine's processes. */
export interface AnchorPlace {
  readonly kind: AnchorKind;
  /** As `anchors` of the configuration names it. */
  readonly name: string;
  readonly mood: AnchorMood;
  /** When it became so. */
  readonly since: number;
  /** What the writer did not put there is in it. */
  hasJunk: boolean;
  /** It looks like a file of somebody else: a power cut left zeros of its first line, or a full disk a few bytes. */
  readonly isOther: boolean;
  /** What can be read there of a stream, of whatever kind. */
  notes(origin: string): readonly string[];
  /** Every note of a stream that it was ever given. */
  given(origin: string): readonly string[];
  /** Puts in what the writer did not. `size`: what an object is called by. */
  plant(origin: string, text: string, size: number): void;
  become(mood: AnchorMood): void;
  /** Everything is deleted. */
  empty(): void;
}

/** A message of a system, as `fetch` gives it. */
interface Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array> & { cancel(): Promise<void> };
}

/** What `fetch` is asked. */
export interface Request {
  readonly method: string;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export const sizeOf = (note: string): number => Number(note.split('\n')[1]);
export const textOf = (note: string): string => note.slice(0, note.indexOf('\n\n') + 1);
const isOf = (origin: string, note: string): boolean => note.startsWith(`${origin}\n`);
const folderOf = (origin: string): string => `audit/${createHash('sha256').update(origin).digest('hex')}/`;
const keyOf = (origin: string, size: number): string => `${folderOf(origin)}${String(size).padStart(16, '0')}.note`;

/** Lines of checkpoints on a disk of its own. */
export class AnchorFile implements AnchorPlace {
  readonly kind = 'file';
  readonly name: string = `/${ANCHOR}/a.jsonl`;
  mood: AnchorMood = 'well';
  since = 0;
  hasJunk = false;
  readonly #machine: Machine;
  #hidden: Inode | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get #root(): Inode {
    return this.#machine.anchorDisk.root;
  }

  get content(): Buffer {
    return this.#root.names.get('a.jsonl')?.content ?? Buffer.alloc(0);
  }

  get isOther(): boolean {
    const first = '{"integrity":{"kind":"checkpoint","note":"';
    return this.content.length > 0 && !this.content.toString('latin1').startsWith(first);
  }

  notes(origin: string): string[] {
    return notesIn(this.content).filter((note) => isOf(origin, note));
  }

  given(origin: string): string[] {
    return this.notes(origin);
  }

  plant(_: string, text: string): void {
    const line = text.includes('\n\n') ? `{"integrity":{"kind":"checkpoint","note":${JSON.stringify(text)}}}` : text;
    this.#append(Buffer.from(`${line}\n`));
    this.hasJunk = true;
  }

  /** Away: it is not mounted, and what is written there meanwhile is behind the rest once it is. */
  become(mood: AnchorMood): void {
    if (mood === 'loses' || mood === 'babbles') return;
    this.#machine.setDead(mood === 'hangs');
    const there = this.#root.names.get('a.jsonl');
    if (mood === 'away' && this.#hidden === undefined && there !== undefined) {
      this.#hidden = there;
      there.nlink++; // it keeps its name out of sight: what is in it stays when the last descriptor is closed
      this.#root.name([['a.jsonl', undefined]]);
    } else if (mood !== 'away' && this.#hidden !== undefined) {
      this.#root.name([['a.jsonl', this.#hidden]]);
      this.#hidden.nlink--;
      this.#hidden = undefined;
      this.#append(there?.content ?? Buffer.alloc(0));
    }
    this.#root.sync();
    if (mood !== this.mood) this.since = this.#machine.timeline.now;
    this.mood = mood;
  }

  empty(): void {
    this.#hidden = undefined;
    this.#root.name([['a.jsonl', undefined]]);
    this.#root.sync();
  }

  #append(bytes: Buffer): void {
    const { disk } = this.#root;
    let file = this.#root.names.get('a.jsonl');
    if (file === undefined) {
      file = new Inode(disk, false, 0o100640, 0);
      this.#root.name([['a.jsonl', file]]);
    }
    const isTorn = file.size > 0 && file.content.at(-1) !== 0x0a;
    file.write(isTorn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes, file.size);
    file.sync();
    this.#root.sync();
  }
}

/** A line of a note, whose text needs no escape but those of its ends of lines. */
const LINE = /^\{"integrity":\{"kind":"checkpoint","note":"((?:[^"\\]|\\n)*)"\}\}$/;

/** The notes in a file of checkpoint lines. */
export function notesIn(content: Buffer): string[] {
  const lines = content.toString('utf8').split('\n');
  return lines.flatMap((line) => LINE.exec(line)?.[1]?.replaceAll('\\n', '\n') ?? []);
}

/** What an anchor answers takes some time, and may never come. */
class Answering {
  mood: AnchorMood = 'well';
  since = 0;
  hasJunk = false;
  readonly isOther = false;
  protected readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  become(mood: AnchorMood): void {
    if (mood !== this.mood) this.since = this.machine.timeline.now;
    this.mood = mood;
  }

  /** @param failed - the error of an anchor that is away */
  protected answer<T>(what: string, signal: AbortSignal, act: () => T, failed: () => Error): Promise<T> {
    const { machine } = this;
    const life = machine.current();
    let aborted = (): void => undefined;
    const answered = new Promise<T>((resolve, reject) => {
      aborted = () => reject(signal.reason as Error);
      signal.addEventListener('abort', aborted, { once: true });
      machine.timeline.after(machine.random.between(1, 40), life, () => {
        machine.note(`an anchor, ${this.mood}: ${what}`);
        if (signal.aborted || this.mood === 'hangs') return;
        if (this.mood === 'away') return reject(failed());
        try {
          const result = act();
          if (this.mood === 'loses') reject(failed());
          else resolve(result);
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    return answered.finally(() => signal.removeEventListener('abort', aborted));
  }
}

/** POST takes a note, GET gives one of a stream. */
export class AnchorAddress extends Answering implements AnchorPlace {
  readonly kind = 'address';
  readonly name = 'https://anchor.example.com/audit';
  readonly #keeping: Keeping;
  readonly #given = new Map<string, string[]>();
  readonly #answers = new Map<string, string>();

  constructor(machine: Machine, keeping: Keeping) {
    super(machine);
    this.#keeping = keeping;
  }

  notes(origin: string): string[] {
    const answer = this.#answers.get(origin);
    return answer === undefined || this.#keeping === 'nothing' ? [] : [answer];
  }

  given(origin: string): readonly string[] {
    return this.#given.get(origin) ?? [];
  }

  plant(origin: string, text: string): void {
    this.#answers.set(origin, text);
    this.hasJunk = true;
  }

  empty(): void {
    this.#answers.clear();
  }

  ask(address: string, { method, body = '', signal }: Request): Promise<Answer> {
    const url = new URL(address);
    return this.answer(
      `${method} ${url.search}`,
      signal,
      () => this.#answer(method, url.searchParams.get('origin') ?? '', body),
      () => Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }),
    );
  } // biome-ignore format: short

  #answer(method: string, asked: string, body: string): Answer {
    if (this.mood === 'babbles') return answerOf(method === 'GET' ? 200 : 500, '<html>');
    if (method === 'POST') {
      const origin = body.slice(0, body.indexOf('\n'));
      this.#given.set(origin, [...this.given(origin), body]);
      const before = this.#answers.get(origin);
      if (before === undefined || this.#keeping === 'last' || !(sizeOf(before) > sizeOf(body))) this.#answers.set(origin, body);
      return answerOf(200, '');
    }
    if (this.#keeping === 'nothing') return answerOf(405, 'use POST');
    const note = this.#answers.get(asked);
    return note === undefined ? answerOf(404, '') : answerOf(200, note);
  } // biome-ignore format: short
}

function answerOf(status: number, text: string): Answer {
  const body = (async function* () {
    yield Buffer.from(text);
  })() as AsyncIterable<Uint8Array>;
  return {
    status,
    ok: status < 300,
    headers: new Headers(),
    body: Object.assign(body, { cancel: async () => undefined }),
  };
}

/** So many keys are in one page of a listing: few, so that there are pages. */
const PAGE = 3;

/** An object for each checkpoint, none of which is written over. */
export class AnchorBucket extends Answering implements AnchorPlace {
  readonly kind = 'bucket';
  readonly name = 's3://anchor/audit';
  readonly #objects = new Map<string, Buffer>();
  readonly #unreadable = new Set<string>();
  readonly #given = new Map<string, string[]>();
  /** Processes that have read that there is something else where a note of theirs belongs. */
  readonly conflicts: Set<Life> = new Set();

  notes(origin: string): string[] {
    const folder = folderOf(origin);
    return [...this.#objects]
      .filter(([key]) => key.startsWith(folder) && !this.#unreadable.has(key))
      .map(([key, bytes]) => ({ key, note: bytes.toString() }))
      .filter(({ key, note }) => isOf(origin, note) && key === keyOf(origin, sizeOf(note)))
      .map(({ note }) => note);
  }

  given(origin: string): readonly string[] {
    return this.#given.get(origin) ?? [];
  }

  /** An empty text: there is an object that nobody may read. */
  plant(origin: string, text: string, size: number): void {
    const key = keyOf(origin, size);
    if (this.#objects.has(key)) return;
    this.#objects.set(key, Buffer.from(text));
    if (text === '') this.#unreadable.add(key);
    this.hasJunk = true;
  }

  empty(): void {
    this.#objects.clear();
  }

  /** Opens it for code of a process. */
  opener({ TamperError }: Pick<WriterCode, 'TamperError'>): OpenBucket {
    const failed = (): Error => new TamperError('UNAVAILABLE', 'the bucket does not answer', { retryable: true });
    const ask = <T>(what: string, signal: AbortSignal, act: () => T): Promise<T> =>
      this.answer(
        what,
        signal,
        () => {
          if (this.mood === 'babbles') throw new TamperError('RESPONSE_MALFORMED', 'what answers is not a bucket');
          return act();
        },
        failed,
      );
    const refused = new Map<string, string>();
    return async () => {
      return {
        put: (key, body, _, signal) =>
          ask(`put ${key}`, signal, () => {
            const note = Buffer.from(body).toString();
            const origin = note.slice(0, note.indexOf('\n'));
            refused.set(key, note);
            if (this.#objects.has(key)) return undefined;
            refused.delete(key);
            this.#given.set(origin, [...this.given(origin), note]);
            this.#objects.set(key, Buffer.from(body));
            return '1';
          }),
        get: (key, limit, signal) =>
          ask(`get ${key}`, signal, () => {
            const bytes = this.#objects.get(key);
            if (this.#unreadable.has(key)) throw new TamperError('ACCESS_DENIED', `${key} may not be read`);
            if (bytes !== undefined && bytes.length > limit) throw new TamperError('RESPONSE_MALFORMED', `${key} is too long`);
            const isOther = refused.has(key) && textOf(bytes?.toString() ?? '') !== textOf(refused.get(key) as string);
            if (isOther && this.mood !== 'loses') this.conflicts.add(this.machine.current());
            return bytes && { bytes };
          }),
        keysAfter: (prefix, after, signal) =>
          ask(`list after ${after}`, signal, () =>
            [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort().slice(0, PAGE),
          ),
        close: () => undefined,
      };
    };
  } // biome-ignore format: short
}
