import { decodeUtf8 } from '../../format/entry.ts';

/** Reads the objects that carriers write, strictly: what a parser would choose between is refused. */

/** A member's value, and how it is spelled. */
interface Member {
  readonly value: unknown;
  readonly spelled: string;
}

/** The members of an object by name. */
export type ObjectMembers = ReadonlyMap<string, Member>;

/** A carrier's object has a few dozen members. */
const MOST_MEMBERS = 1_000;
/**
 * So many characters may stand outside of strings, since parsing costs memory for each of them. A carrier writes few, but for
 * arrays of bytes: digits, commas and spaces cost little, and count a sixteenth.
 */
const MOST_OUTSIDE = 64 * 1024;
/** Numbers that may be bytes. */
const BYTES = /^\[\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*\]$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The members of the one JSON object that a line is; undefined where it is none, or says a name twice. */
export function membersOfLine(line: Buffer): ObjectMembers | undefined {
  const text = decodeUtf8(line);
  const spelled = text === undefined ? undefined : spelledMembers(text);
  return text !== undefined && spelled !== undefined ? byName(spelled, parsed(text)) : undefined;
}

/** Parsed once: a line may be long, and each value costs as much memory again. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined; // no JSON, which nothing but this tells
  }
}

/** The members of a member that is an object; undefined where it is none. */
export function objectMember(members: ObjectMembers | undefined, name: string): ObjectMembers | undefined {
  const member = memberOf(members, name);
  const spelled = member && spelledMembers(member.spelled);
  return spelled && byName(spelled, member.value);
}

/** A member that is a string of Unicode text; undefined where it is none. */
export function stringMember(members: ObjectMembers | undefined, name: string): string | undefined {
  const value = memberOf(members, name)?.value;
  return typeof value !== 'string' || LONE_SURROGATE.test(value) ? undefined : value;
}

/** A member that is an array of bytes, as journald writes what it takes for unprintable; undefined where it is none. */
export function bytesMember(members: ObjectMembers | undefined, name: string): Buffer | undefined {
  const member = memberOf(members, name);
  if (member === undefined || !BYTES.test(member.spelled)) return undefined;
  const values = member.value as number[];
  return values.every((value) => value <= 0xff) ? Buffer.from(values) : undefined;
}

/** The value of a member; undefined also where another name differs in its case alone, which some parsers take for the same. */
function memberOf(members: ObjectMembers | undefined, name: string): Member | undefined {
  const member = members?.get(name);
  if (members === undefined || member === undefined) return undefined;
  const folded = foldCase(name);
  let same = 0;
  for (const other of members.keys()) if (foldCase(other) === folded) same++;
  return same === 1 ? member : undefined;
}

/** As Go compares names: `\u017f` is an s, and the Kelvin sign a k. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

type Spelled = readonly (readonly [name: string, value: string])[];

/** `"a"` and `"\u0061"` are the same name. */
function byName(spelled: Spelled, object: unknown): ObjectMembers | undefined {
  if (typeof object !== 'object' || object === null) return undefined;
  const members = new Map<string, Member>();
  for (const [quoted, text] of spelled) {
    const name = JSON.parse(quoted) as string;
    members.set(name, { value: Reflect.get(object, name), spelled: text });
  }
  return members.size === spelled.length ? members : undefined;
}

/**
 * Name and value of each member, as they stand in a text that begins as an object does. In a text that is no JSON they mean
 * nothing. Undefined where there are more, or more stands between strings, than a carrier writes.
 */
function spelledMembers(text: string): Spelled | undefined {
  const members: (readonly [string, string])[] = [];
  let depth = 0;
  let outside = 0;
  let name: string | undefined;
  let valueStart = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      if (depth === 1 && name === undefined) name = text.slice(at, end);
      at = end - 1;
      continue;
    }
    outside += isOfBytes(character) ? 1 / 16 : 1;
    if (outside > MOST_OUTSIDE) return undefined;
    if (depth === 0 && character !== '{' && !isSpace(character)) return undefined;
    if (depth === 1 && character === ':') valueStart = at + 1;
    if (depth === 1 && name !== undefined && (character === ',' || character === '}')) {
      if (members.length === MOST_MEMBERS) return undefined;
      members.push([name, text.slice(valueStart, at).trim()]);
      name = undefined;
    }
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
  }
  return members;
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\n';
}

function isOfBytes(character: string | undefined): boolean {
  return character === ',' || isSpace(character) || (character !== undefined && character >= '0' && character <= '9');
}

/** Where the string literal that begins at `start` has ended. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}
