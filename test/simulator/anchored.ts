import {
  ANCHOR_KINDS,
  AnchorAddress,
  AnchorBucket,
  AnchorFile,
  type AnchorKind,
  type AnchorMood,
  type AnchorPlace,
  type Keeping,
  notesIn,
  sizeOf,
  textOf,
} from './anchors.ts';
import type { Step } from './schedule.ts';
import type { WriterCode } from './tree.ts';
import { truthOf } from './truth.ts';
import type { Run, World } from './world.ts';

/** So many notes wait for an anchor. */
const BACKLOG = 100;
/** A request that began while it was not well may last so long, in milliseconds. */
const REQUEST_LIMIT = 11_000;
/** So long an anchor has to take the last checkpoint, in milliseconds. */
export const END_LIMIT = 4_000;

/** The anchors that a log has. */
export interface AnchorSetup {
  readonly kinds: readonly AnchorKind[];
  readonly keeping: Keeping;
  /** The file is on the writer's machine, so that a power cut is one for it, too. */
  readonly isHere: boolean;
}

/** What somebody puts into an anchor: nothing that is a note, one that nobody signed, one that somebody else signed, a signature of another note, one of another stream, the text of a note without its signature, an old note, one where another size belongs. */
export const PLANTED = [
  'junk',
  'nothing',
  'unsigned',
  'forged',
  'moved signature',
  'other stream',
  'copied text',
  'old note',
  'misplaced note',
] as const;
export type Planted = (typeof PLANTED)[number];

/** What an anchor had when a start was about to ask it, and what the files had. */
export interface Look {
  readonly place: AnchorPlace;
  readonly origin: string;
  /** It had notes that the writer made with everything that it promised. */
  readonly hasAny: boolean;
  /** It had nothing of the stream, and the files have a checkpoint of it. */
  readonly isEmptied: boolean;
  /** The newest of them is not one of the files. */
  readonly contradicts: boolean;
  /** So is the newest of those that a key signed that the files name, or that signs now: it is larger, or its root is another one. */
  readonly contradictsKnown: 'no' | 'larger' | 'other root';
  /** The sizes of all of them that are not ones of the files: what was rolled back was one history, or several. */
  readonly others: ReadonlySet<number>;
  /** A key that the files name anywhere, or that signs now, signed one of these. */
  readonly mayStop: boolean;
  /** It answered. */
  readonly isWell: boolean;
  /** Somebody else had put something into it. */
  readonly hasJunk: boolean;
  /** That may hide what it had: of a log that nobody signs the largest note counts, whoever put it there. */
  readonly isHidden: boolean;
  /** Files of the log are elsewhere, where a start does not look for them. */
  readonly isMoved: boolean;
}

/** The anchors of a log, and what somebody knows of them who sees all of them. */
export class Anchored {
  readonly places: readonly AnchorPlace[];
  readonly #world: World;
  readonly #setup: AnchorSetup;
  /** Every note that a writer made with everything that it promised, and the process. */
  readonly #made = new Map<string, Run>();
  /** The newest of them. */
  #last = '';
  /** The file's disk failed at some time, and until when it may. */
  #wasSpoilt = false;
  #spoiltUntil = 0;
  #emptiedAt = 0;
  #promised: readonly string[] = [];

  constructor(world: World, setup: AnchorSetup) {
    const { machine } = world;
    this.#world = world;
    this.#setup = setup;
    const address = new AnchorAddress(machine, setup.keeping);
    const all = { file: new AnchorFile(machine), address, bucket: new AnchorBucket(machine) };
    this.places = ANCHOR_KINDS.filter((kind) => setup.kinds.includes(kind)).map((kind) => all[kind]);
    machine.network = (where, request) => address.ask(where, request);
    machine.isAnchorHere = setup.isHere;
  }

  opener(code: WriterCode): ReturnType<AnchorBucket['opener']> | undefined {
    return this.places.find((place): place is AnchorBucket => place.kind === 'bucket')?.opener(code);
  }

  /** What the newest process made for its anchors. */
  made(note: string, run: Run): void {
    this.#made.set(note, run);
    this.#last = note;
  }

  get last(): string {
    return this.#last;
  }

  /** What a process made has come to an anchor that was well from before its end on, for as long as it may take. */
  atExit(run: Run): void {
    const { machine, isSlow } = this.#world;
    if (
      isSlow ||
      run.hadFault ||
      this.#emptiedAt > run.startedAt ||
      run.looks.length === 0 ||
      run.closedAt === undefined ||
      machine.timeline.now - run.closedAt < END_LIMIT
    )
      return;
    const made = [...this.#made].filter(([, by]) => by === run).map(([note]) => note);
    if (made.length >= BACKLOG) return;
    for (const place of this.places) {
      const isFile = place.kind === 'file';
      const isOther = place.isOther || (place.hasJunk && place.kind !== 'address'); // it may leave a note out
      if (
        place.mood !== 'well' ||
        Math.max(place.since, isFile ? this.#spoiltUntil : 0) > run.closedAt - REQUEST_LIMIT ||
        isOther
      )
        continue;
      const given = new Set(made.flatMap((note) => place.given(note.slice(0, note.indexOf('\n')))));
      const missing = made.filter(
        (note) => !given.has(note) && !run.told.some((text) => text.includes(`where checkpoint ${sizeOf(note)} of`)),
      );
      if (missing.length > 0)
        this.#world.problem(`an anchor does not get what it missed: ${place.kind}, ${missing.length}`);
    }
  }

  look(origin: string): Look[] {
    const { keys, machine } = this.#world;
    const truth = truthOf(this.#world, origin);
    const isSignedBy = (note: string, known: ReadonlySet<number>): boolean =>
      [...(keys.signed.get(textOf(note)) ?? [])].some((one) => one === keys.versions || known.has(one));
    const against = (note: string | undefined): Look['contradictsKnown'] => {
      if (note === undefined) return 'no';
      const [, size = '', root] = note.split('\n');
      if (Number(size) > truth.size) return 'larger';
      return truth.rootAt(Number(size)) === root ? 'no' : 'other root';
    };
    return this.places.map((place) => {
      const made = place.notes(origin).filter((note) => this.#made.has(note));
      const others = made.filter((note) => against(note) !== 'no');
      const newestKnown = newest(made.filter((note) => isSignedBy(note, truth.keys)));
      const isFaulty = place.kind === 'file' && this.#spoiltUntil > machine.timeline.now;
      return {
        place,
        origin,
        hasAny: made.length > 0,
        isEmptied: place.notes(origin).length === 0 && truth.hasCheckpoint,
        contradicts: against(newest(made)) !== 'no',
        contradictsKnown: isSignedBy(newestKnown ?? '', truth.firstKeys) ? against(newestKnown) : 'no',
        others: new Set(others.map(sizeOf)),
        mayStop: others.some((note) => isSignedBy(note, truth.keys)),
        isWell: place.mood === 'well' && !isFaulty,
        hasJunk: place.hasJunk,
        isHidden: place.hasJunk && !this.#world.signs && truth.firstKeys.size === 0,
        isMoved: this.#world.archive.size > 0 || this.#world.moved > 0,
      };
    });
  }

  become(which: number, mood: AnchorMood): void {
    this.#at(which)?.become(mood);
  }

  empty(which: number): void {
    this.#at(which)?.empty();
    this.#emptiedAt = this.#world.machine.timeline.now;
  }

  heal(): void {
    this.healed();
    for (const place of this.places) place.become('well');
  }

  spoilt(): void {
    this.#wasSpoilt = true;
    this.#spoiltUntil = Number.POSITIVE_INFINITY;
  }

  healed(): void {
    this.#spoiltUntil = Math.min(this.#spoiltUntil, this.#world.machine.timeline.now);
  }

  plant({ which, what, size }: Extract<Step, { do: 'plant' }>): void {
    const place = this.#at(which);
    if (place === undefined) return;
    const origin = 'origin';
    const held = [...this.#made.keys()].filter((note) => note.startsWith(`${origin}\n`));
    const own = held.at(-1);
    const rest = own?.slice(own.indexOf('\n\n') + 2) ?? `— ${origin} AAAAAAAA\n`;
    const garbage = (of: string): string => `— ${of} ${Buffer.alloc(68, size % 251).toString('base64')}\n`;
    const text = `${origin}\n${size}\n${Buffer.alloc(32, size % 13).toString('base64')}\n`;
    const notes: Readonly<Record<Planted, string>> = {
      junk: 'junk',
      nothing: '',
      unsigned: text,
      forged: `${text}\n${garbage(origin)}`,
      'moved signature': `${text}\n${rest}`,
      'other stream': `other\n${size}\n${Buffer.alloc(32).toString('base64')}\n\n${garbage('other')}`,
      'copied text': own === undefined ? text : `${textOf(own)}\n${garbage(origin)}`,
      'old note': held[size % Math.max(1, held.length)] ?? 'junk',
      'misplaced note': held[size % Math.max(1, held.length)] ?? 'junk',
    };
    const note = notes[what];
    place.plant(origin, note, what === 'copied text' || what === 'old note' ? sizeOf(note) || size : size);
  }

  beforePowerCut(): void {
    const file = this.#world.machine.anchorDisk.root.names.get('a.jsonl');
    const isAtRest = this.#setup.isHere && !this.#wasSpoilt && file?.users === 0;
    this.#promised = isAtRest ? notesIn(file.durable) : [];
  }

  /** What it has taken it keeps. */
  afterPowerCut(): void {
    const file = this.#world.machine.anchorDisk.root.names.get('a.jsonl');
    const left = new Set(file === undefined ? [] : notesIn(file.content));
    const lost = this.#promised.filter((note) => !left.has(note));
    if (lost.length > 0)
      this.#world.problem(`a file that is an anchor loses checkpoints that it had taken: ${lost.length}`);
  }

  #at(which: number): AnchorPlace | undefined {
    return this.places[which % this.places.length];
  }
}

/** Of the largest size, and of those the last. */
function newest(notes: readonly string[]): string | undefined {
  let best: string | undefined;
  for (const note of notes) if (best === undefined || sizeOf(note) >= sizeOf(best)) best = note;
  return best;
}
