/** Sealed files as a stranger reads them from the specification alone: nothing of it is checked. */

/** A record: the application's line, or a part of it. */
export interface SealedRecord {
  readonly seq: number;
  readonly part: number | undefined;
  readonly last: boolean;
  /** The application's own bytes. */
  readonly own: Buffer;
}

// spec 1
const RECORD_END =
  /,?"integrity":\{"seq":(\d+)(?:,"as":"(text|base64)"(?:,"part":(\d+)(,"last":true)?)?)?(?:,"salt":"[^"]{22}")?,"key_id":"[^"]+","(?:mac|hash)":"[^"]{43}"\}\}$/;

/** The record in a line without its LF; undefined for another line. */
export function recordOf(line: Buffer): SealedRecord | undefined {
  const text = line.toString('latin1');
  const end = RECORD_END.exec(text);
  if (end === null) return undefined;
  const [, seq, as, part, last] = end;
  const ownLine = (): Buffer => {
    if (as === undefined) return Buffer.from(`${text.slice(0, end.index)}}`, 'latin1');
    const { line: value } = JSON.parse(line.toString('utf8')) as { line: string };
    return Buffer.from(value, as === 'base64' ? 'base64' : 'utf8');
  };
  return {
    seq: Number(seq),
    part: part === undefined ? undefined : Number(part),
    last: last !== undefined,
    own: ownLine(),
  };
}

/** A signed note (C2SP tlog-checkpoint), taken apart. */
export interface ReadNote {
  /** What is signed. */
  readonly text: string;
  readonly origin: string;
  readonly size: number;
  /** What follows the key id in each signature. */
  readonly signatures: readonly Buffer[];
  /** The key ids before them, in hex. */
  readonly keyIds: readonly string[];
}

/** Takes a note apart. */
export function readNote(note: string): ReadNote {
  const [head = '', lines = ''] = note.split('\n\n');
  const [origin = '', size] = head.split('\n');
  const values = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line.slice(line.lastIndexOf(' ') + 1), 'base64'));
  return {
    text: `${head}\n`,
    origin,
    size: Number(size),
    signatures: values.map((value) => value.subarray(4)),
    keyIds: values.map((value) => value.toString('hex', 0, 4)),
  };
}

/** The line of a checkpoint. */
export const checkpointLine = (note: string): string => JSON.stringify({ integrity: { kind: 'checkpoint', note } });

/** The signature line of a note, without its LF. */
export const signatureLine = (name: string, keyId: Buffer, signature: Buffer): string =>
  `\u2014 ${name} ${Buffer.concat([keyId, signature]).toString('base64')}`;

/** The key id in a verifier key. */
export const keyIdOf = (vkey: string): Buffer => Buffer.from(vkey.split('+')[1] ?? '', 'hex');

/** The notes in the checkpoint lines of a sealed file. */
export function notesIn(file: string): ReadNote[] {
  return file.split('\n').flatMap((line) => {
    if (!line.startsWith('{"integrity":{"kind":"checkpoint",')) return [];
    return [readNote((JSON.parse(line) as { integrity: { note: string } }).integrity.note)];
  });
}
