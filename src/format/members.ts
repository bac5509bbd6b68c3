import { decodeBase64url } from './base64.ts';
import { isOrigin } from './origin.ts';

/** Why a control entry's members cannot be taken: a later version's, or not the one spelling (spec 8.3). */
export interface MemberProblem {
  readonly code: 'UNSUPPORTED' | 'CONTROL_MALFORMED';
  readonly message: string;
  /** True for a format of a later version: nothing that follows can be decided. */
  readonly laterFormat?: boolean;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Whether text is a time of spec 1: 24 characters, UTC, and a moment that exists. */
export function isTime(text: string): boolean {
  if (!TIME.test(text) || text.startsWith('0000')) return false; // no year 0 (spec 1)
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString() === text;
}

/**
 * Reads the members of one object of a control entry with their types. The first problem is kept and reading goes on
 * with a stand-in, so that the caller checks once, at the end. An unknown member or value counts before a misspelt one.
 */
export class Members {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();
  readonly #problems: MemberProblem[];
  readonly #lastChecks: (() => string | undefined)[];

  constructor(object: unknown, problems: MemberProblem[] = [], lastChecks: (() => string | undefined)[] = []) {
    this.#problems = problems;
    this.#lastChecks = lastChecks;
    const usable = typeof object === 'object' && object !== null && !Array.isArray(object);
    this.#object = usable ? (object as Record<string, unknown>) : {};
    if (!usable) this.malformed('an object is expected');
  }

  /** The problem that counts, once everything has been read. */
  get problem(): MemberProblem | undefined {
    while (this.#problems.length === 0 && this.#lastChecks.length > 0) {
      const message = this.#lastChecks.shift()?.();
      if (message !== undefined) this.malformed(message);
    }
    return this.#problems.find((problem) => problem.code === 'UNSUPPORTED') ?? this.#problems[0];
  }

  /** A check that costs more than reading: it is made once everything has been read and nothing else is wrong. */
  checkLast(check: () => string | undefined): void {
    this.#lastChecks.push(check);
  }

  /** Whether the member is there. */
  has(name: string): boolean {
    this.#known.add(name);
    return Object.hasOwn(this.#object, name);
  }

  /** Whether the member is a string. */
  isText(name: string): boolean {
    return typeof this.#get(name) === 'string';
  }

  unsupported(message: string): void {
    this.#problems.push({ code: 'UNSUPPORTED', message });
  }

  /** The number of a format: any but `known` is a later version's. */
  format(name: string, known: number): void {
    const before = this.#problems.length;
    const value = this.number(name);
    if (value === known || this.#problems.length > before) return;
    this.#problems.unshift({ code: 'UNSUPPORTED', message: `"${name}": ${value}`, laterFormat: true });
  }

  malformed(message: string): void {
    this.#problems.push({ code: 'CONTROL_MALFORMED', message });
  }

  /** Members that nobody asked for are a later version's. */
  end(): void {
    for (const name of Object.keys(this.#object)) {
      if (!this.#known.has(name))
        this.unsupported(isPlainWord(name) ? `member "${name}"` : 'a member with another name');
    }
  }

  number(name: string): number {
    const value = this.#get(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) return value;
    this.malformed(`"${name}" is not a whole number from 0 to 2^53-1`);
    return 0;
  }

  string(name: string): string {
    const value = this.#get(name);
    if (typeof value === 'string') return value;
    this.malformed(`"${name}" is not a string`);
    return '';
  }

  /** The name of a stream (spec 1). */
  origin(name: string): string {
    const value = this.string(name);
    if (!isOrigin(value)) this.malformed(`"${name}" cannot name a stream`);
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.#get(name);
    // a later version may say another value; to say none is no version's
    if (typeof value !== 'string') this.malformed(`"${name}" is not a string`);
    else if (!(values as readonly string[]).includes(value)) {
      this.unsupported(isPlainWord(value) ? `"${name}": "${value}"` : `another "${name}"`);
    }
    return value as T;
  }

  /** A member that says `true`, or is absent. */
  flag(name: string): true | undefined {
    if (!this.has(name)) return undefined;
    if (this.#get(name) !== true) this.malformed(`"${name}" is not true`);
    return true;
  }

  time(name: string): string {
    const value = this.string(name);
    if (!isTime(value)) this.malformed(`"${name}" is not a time like 2026-11-24T23:00:00.000Z`);
    return value;
  }

  /** Bytes in unpadded base64url: exactly `length` of them, or at least one. */
  bytes(name: string, length?: number): Buffer {
    return this.toBytes(name, this.string(name), length);
  }

  toBytes(name: string, value: unknown, length?: number): Buffer {
    const bytes = typeof value === 'string' ? decodeBase64url(value) : undefined;
    if (bytes !== undefined && bytes.length > 0 && (length === undefined || bytes.length === length)) return bytes;
    this.malformed(`"${name}" is not ${length ?? 'some'} bytes in unpadded base64url`);
    return Buffer.alloc(length ?? 0);
  }

  list(name: string): readonly unknown[] {
    const value = this.#get(name);
    if (Array.isArray(value)) return value;
    this.malformed(`"${name}" is not a list`);
    return [];
  }

  /** The members of an object that is a member of this one. */
  object(name: string): Members {
    return this.nested(this.#get(name));
  }

  /** The members of an object that belongs to this one. */
  nested(value: unknown): Members {
    return new Members(value, this.#problems, this.#lastChecks);
  }

  #get(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }
}

/**
 * Whether a word from outside may be quoted: letters and underscores, at most 24, as names of members are. No key has such a
 * text. Everything else is described, never shown: the file may be another one than was meant.
 */
export function isPlainWord(word: string): boolean {
  return /^[A-Za-z_]{1,24}$/.test(word);
}
