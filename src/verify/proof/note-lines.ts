import { TamperError } from '../../errors.ts';
import {
  formatNote,
  formatSignatureLine,
  MAX_NOTE,
  type NoteSignature,
  type SignedCheckpoint,
} from '../../format/checkpoint.ts';
import { type NoteKey, noteKeyId, parseVkey } from '../../format/vkey.ts';
import { verifyClassical } from '../../keys/signature.ts';
import type { CountedNote, IsEnough } from '../model/proof-keeper.ts';

/** The signature lines over one text, from wherever they stand in a log, as one note (E2.3). */

/** golang.org/x/mod/sumdb/note opens no note with more lines: those that count for nobody here must not bring it there. */
const COMMON_LINES = 100;

const lineOf = ({ name, keyId, bytes }: NoteSignature): string =>
  formatSignatureLine(name, Buffer.from(keyId, 'hex'), bytes);
const keyOf = ({ name, keyId }: NoteSignature): string => `${name} ${keyId}`;

/** Note keys whose lines are wanted besides (E2.3). They count for nothing here. */
export class NoteKeys {
  readonly #keys: readonly NoteKey[];

  /** @param vkeys - verifier keys. @throws {@link TamperError} `FORMAT_INVALID`; `KEY_WRONG_USAGE` for another key than one of Ed25519 */
  constructor(vkeys: readonly string[] = []) {
    const keys = vkeys.map((vkey) => {
      const { key } = parseVkey(vkey, 'a note key');
      if (key.algorithm === 'ed25519') return key;
      throw new TamperError('KEY_WRONG_USAGE', `a note key is a key of Ed25519, not of ${key.algorithm}`, {
        hint: 'A key of another kind is a signer, if the log names it: give it with --public-key.',
      });
    });
    this.#keys = keys.filter((key, at) => keys.findIndex(({ bytes }) => bytes.equals(key.bytes)) === at);
  }

  get count(): number {
    return this.#keys.length;
  }

  /** The ids of their lines in the notes of a log. */
  idsIn(origin: string): string[] {
    return this.#keys.map((key) => noteKeyId(origin, key).toString('hex'));
  }

  /** Whose id a line has; undefined for other lines. */
  keyOf({ origin }: SignedCheckpoint, { name, keyId }: NoteSignature): NoteKey | undefined {
    if (name !== origin) return undefined;
    return this.#keys.find((key) => noteKeyId(origin, key).toString('hex') === keyId);
  }
}

/** They are taken one after another; of each key the first one that is right. */
export class NoteLines {
  readonly #noteKeys: NoteKeys;
  readonly #notes = new Map<string, NoteSignature>();
  readonly #signatures = new Map<string, NoteSignature>();
  readonly #cosignatures = new Map<string, NoteSignature>();
  readonly #others = new Map<string, NoteSignature>();
  #othersLength = 0;

  /** @param noteKeys - each of them has to have signed */
  constructor(noteKeys: NoteKeys) {
    this.#noteKeys = noteKeys;
  }

  /** Whether a key that the auditor named signed. */
  get isSigned(): boolean {
    return this.#signatures.size > 0;
  }

  /** Whether each of the note keys signed. */
  get hasNotes(): boolean {
    return this.#notes.size === this.#noteKeys.count;
  }

  /** The ids of those that did not. */
  missingNotes(origin: string): string[] {
    return this.#noteKeys.idsIn(origin).filter((id) => !this.#notes.has(id));
  }

  /** Characters of the lines of keys that were not named. */
  get othersLength(): number {
    return this.#othersLength;
  }

  /** Lines of keys that were not named are taken up to `room`, in characters. */
  add({ checkpoint, signatures, cosignatures }: CountedNote, room: number): void {
    for (const line of signatures) addFirst(this.#signatures, line.keyId, line);
    for (const { witness, line } of cosignatures) addFirst(this.#cosignatures, witness, line);
    for (const line of checkpoint.signatures) {
      const noteKey = this.#noteKeys.keyOf(checkpoint, line);
      if (noteKey !== undefined) {
        // one that is wrong is given to nobody
        if (verifyClassical('ed25519', noteKey.bytes, Buffer.from(checkpoint.text, 'utf8'), line.bytes))
          addFirst(this.#notes, line.keyId, line);
        continue;
      }
      const text = lineOf(line);
      if (this.#others.has(text) || this.#othersLength + text.length > Math.min(room, MAX_NOTE)) continue;
      if (signatures.includes(line) || cosignatures.some((one) => one.line === line)) continue;
      this.#others.set(text, line);
      this.#othersLength += text.length;
    }
  }

  /**
   * The note: of what counts as much as fits, then the rest. Undefined where a signature of a named key, one of a note key or
   * enough witnesses are not there, or do not fit into one.
   */
  note(text: string, isEnough: IsEnough): string | undefined {
    const signatures = [...this.#signatures].map(([key, line]) => ({ key, text: lineOf(line), line }));
    const [first, ...more] = signatures;
    if (first === undefined || !this.hasNotes || !isEnough(this.#cosignatures)) return undefined;
    const apart = [...this.#notes].filter(([keyId]) => !this.#signatures.has(keyId)); // a signer may be named as both
    const notes = apart.map(([key, line]) => ({ key, text: lineOf(line), line }));
    const theirs = [...this.#cosignatures].map(([key, line]) => ({ key, text: lineOf(line), line }));
    let counted = [first, ...notes, ...more, ...theirs];
    let length = counted.reduce((sum, one) => sum + Buffer.byteLength(one.text), Buffer.byteLength(text) + 1);
    for (const one of [...more, ...theirs].sort((a, b) => b.text.length - a.text.length)) {
      if (length <= MAX_NOTE) break;
      const without = counted.filter((other) => other !== one);
      if (!isEnough(new Set(without.map(({ key }) => key)))) continue;
      counted = without;
      length -= Buffer.byteLength(one.text);
    }
    if (length > MAX_NOTE) return undefined;
    const lines = counted.map((one) => one.text);
    const keys = new Set(counted.map(({ line }) => keyOf(line)));
    for (const [line, other] of this.#others) {
      length += Buffer.byteLength(line);
      if (length > MAX_NOTE || lines.length >= COMMON_LINES) break;
      if (!keys.has(keyOf(other))) lines.push(line);
    }
    return formatNote(text, lines);
  }
}

/** The note keys whose lines the signed checkpoint with the most of them lacks; undefined if it lacks none, or nothing is signed. */
export function lackingNotes(checkpoints: readonly NoteLines[], origin: string): string | undefined {
  const lacking = checkpoints.filter(({ isSigned }) => isSigned).map((lines) => lines.missingNotes(origin));
  const [fewest = []] = lacking.sort((a, b) => a.length - b.length);
  return fewest.length === 0 ? undefined : fewest.map((id) => `${origin}+${id}`).join(', ');
}

function addFirst(lines: Map<string, NoteSignature>, key: string, line: NoteSignature): void {
  if (!lines.has(key)) lines.set(key, line);
}
