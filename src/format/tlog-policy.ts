import { TamperError } from '../errors.ts';
import { parseWitnessVkey, rawNoteKey } from './cosignature.ts';
import { parseVkey } from './vkey.ts';

/**
 * C2SP tlog-policy: logs, witnesses, and which of these must have cosigned a checkpoint, one definition a line. What is read is
 * what the specification allows and nothing else: a line that another program skips could be the one that demands more.
 */

/** Witnesses of whom enough must have cosigned. */
export interface WitnessGroup {
  /** So many of the members, from 1. */
  readonly threshold: number;
  /**
   * Verifier keys of witnesses (C2SP tlog-cosignature, type 0x04 or 0x06), and groups, each of which has cosigned if enough of
   * its own members have. A key stands in the whole group once.
   */
  readonly members: readonly (string | WitnessGroup)[];
}

/** So many definitions are read; C2SP tlog-policy recommends at least 32 of each kind. */
const MAX_DEFINITIONS = 1000;
const NONE = 'none';
const DEFINITION = /^[\t ]*(?:log|witness|group|quorum)(?:[\t ]|$)/m;

/** Whether a text that names witnesses is a tlog-policy, and no list of verifier keys, none of which has a space in it. */
export function isTlogPolicy(text: string): boolean {
  return DEFINITION.test(text);
}

/**
 * The quorum of a tlog-policy.
 *
 * @param path - for the message of an error, which has the line as well
 * @throws {@link TamperError} `FORMAT_INVALID`, also for `quorum none`
 */
export function parseTlogPolicy(text: string, path: string): WitnessGroup {
  const reader = new Reader();
  const lines = text.split('\n');
  const last = lines.pop();
  let at = 0;
  try {
    for (const line of lines) {
      at++;
      reader.read(line);
    }
    at++;
    // the rest of a name may be missing, which could be that of another group
    if (last !== '') throw problem('the last line does not end with a newline: the file was cut off');
    return reader.quorum;
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    throw new TamperError('FORMAT_INVALID', `${path}:${at}: ${error.message}`, { cause: error, hint: HINT });
  }
}

const HINT =
  'The form is that of https://c2sp.org/tlog-policy: log, witness, group and quorum, one a line; # begins a line of comment.';

function problem(what: string): TamperError {
  return new TamperError('FORMAT_INVALID', what);
}

class Reader {
  readonly #defined = new Map<string, string | WitnessGroup>();
  /** Names that are members of a group already: a witness may add to a quorum in one way only. */
  readonly #members = new Set<string>();
  readonly #keys = new Set<string>();
  #definitions = 0;
  #quorum: WitnessGroup | undefined;

  get quorum(): WitnessGroup {
    if (this.#quorum === undefined) throw problem('there is no quorum line');
    return this.#quorum;
  }

  read(line: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: which of them the specification allows
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw problem('a control character other than a tab');
    const [keyword, ...items] = line.split(/[\t ]+/).filter((item) => item !== '');
    if (keyword === undefined || keyword.startsWith('#')) return;
    if (++this.#definitions > MAX_DEFINITIONS) throw problem(`more than ${MAX_DEFINITIONS} definitions`);
    const [first = '', second = '', ...rest] = items;
    switch (keyword) {
      case 'log':
        this.#log(items);
        break;
      case 'witness':
        if (items.length < 2) throw problem('a witness has a name and a verifier key');
        checkUrl(rest);
        this.#newKey(parseWitnessVkey(second, 'the witness').publicKey, 'witness');
        this.#define(first, second);
        break;
      case 'group':
        this.#define(first, this.#group(second, rest));
        break;
      case 'quorum':
        if (items.length !== 1) throw problem('a quorum is one name');
        if (this.#quorum !== undefined) throw problem('a second quorum line');
        this.#quorum = this.#quorumOf(first);
        break;
      default:
        throw problem('a line begins with log, witness, group, quorum or #');
    }
  }

  #log([vkey = '', ...rest]: readonly string[]): void {
    checkUrl(rest);
    this.#newKey(rawNoteKey(parseVkey(vkey, 'the log').key), 'log');
  }

  /** Whatever names it has, one key is one witness; and a log is none of its own. */
  #newKey(key: Buffer, what: string): void {
    const hex = key.toString('hex');
    if (this.#keys.has(hex)) throw problem(`the key of this ${what} stands above already`);
    this.#keys.add(hex);
  }

  #define(name: string, what: string | WitnessGroup): void {
    if (name === NONE) throw problem('the name none is taken');
    if (this.#defined.has(name)) throw problem(`the name ${name} is defined above already`);
    this.#defined.set(name, what);
  }

  #group(threshold: string, names: readonly string[]): WitnessGroup {
    if (names.length === 0) throw problem('a group has a name, a threshold, and at least one member');
    const members = names.map((name) => {
      if (this.#members.has(name)) throw problem(`${name} is a member of a group already`);
      this.#members.add(name);
      return this.#named(name);
    });
    const count = threshold === 'any' ? 1 : threshold === 'all' ? names.length : decimal(threshold);
    if (count === undefined || count > names.length) {
      throw problem(`the threshold of a group is any, all, or a number from 1 to that of its members, ${names.length}`);
    }
    return { threshold: count, members };
  }

  #quorumOf(name: string): WitnessGroup {
    if (name === NONE) throw problem('"quorum none" demands no cosignature: name no witnesses instead');
    const named = this.#named(name);
    return typeof named === 'string' ? { threshold: 1, members: [named] } : named;
  }

  #named(name: string): string | WitnessGroup {
    const named = this.#defined.get(name);
    if (named === undefined) throw problem(`there is no witness or group ${name} above`);
    return named;
  }
}

function decimal(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

/** What may follow a key. */
function checkUrl(items: readonly string[]): void {
  const [url] = items;
  if (items.length > 1 || (url !== undefined && !URL.canParse(url))) throw problem('only a URL may follow the key');
}
