import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';
import { copyInto, filesBelow, folderOf, versions } from './frozen-folder.ts';
import { snapshotOf } from './playing.ts';

/** Files of a later version: each is refused by name, and stays as it is. */

let parent = '';
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'newer-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

const folder = folderOf(versions.at(-1) ?? '');

interface Row {
  /** What is of a later version. */
  readonly what: string;
  readonly scene: string;
  readonly make: (copy: string) => unknown;
  readonly argv: readonly string[];
  readonly input?: string;
  readonly exit: number;
  /** In the output: the code, and what names the cause. */
  readonly says: readonly string[];
  /** What of the scene must stay, under whatever name. Default: all of it, under its own. */
  readonly keeps?: RegExp;
}

/** The one file below a folder whose name matches. */
function only(copy: string, name: RegExp): string {
  const [found, ...more] = filesBelow(copy).filter((one) => name.test(one));
  if (found === undefined || more.length > 0) throw new Error(`${name} is ${found}, ${more}`);
  return join(copy, found);
}

/** Changes a file, as a later version would have written it. */
const changed =
  (name: RegExp, change: (text: string) => string) =>
  (copy: string): void => {
    const path = only(copy, name);
    const text = readFileSync(path, 'utf8');
    const next = change(text);
    if (next === text) throw new Error(`${path} has nothing to change`);
    writeFileSync(path, next);
  };
const raised = (name: RegExp, from: string, to: string) => changed(name, (text) => text.replace(from, to));
const version2 = (name: RegExp) => raised(name, '"version":1', '"version":2');

const STATE = /\.chainstate$/;
const SEAL = { argv: ['seal', '--config', 'writer.yaml', '--quiet'], input: '{"n":99}\n' };
const ORIGIN = 'compat.example/app';
const SIGNED = ['--origin', ORIGIN, '--public-key', 'test-sign.key.pub'];

/** What an auditor remembers ends with its own digest. */
const remembered = (change: (text: string) => string) => (text: string) => {
  const before = change(text.replace(/,"digest":"[0-9a-f]+"\}\n$/, ''));
  return `${before},"digest":"${createHash('sha256').update(before).digest('hex')}"}\n`;
};

const LOG = /log\/app\.jsonl$/;

/** An entry of a log without MACs, with the hash that belongs to it. */
function hashed(line: string): string {
  const [leaf = ''] = /^.*"hash":"/.exec(line) ?? [];
  return `${leaf}${createHash('sha256').update(`\0${leaf}`).digest('base64url')}"}}`;
}

/** Changes a text in the first entry of a log, and its hash. */
function resealed(text: string, from: string, to: string): string {
  const [first = '', ...rest] = text.split('\n');
  if (hashed(first) !== first) throw new Error(`this is not how an entry is hashed: ${first}`);
  return [hashed(first.replace(from, to)), ...rest].join('\n');
}

/** Appends an entry of a kind that is not known. */
function laterEntry(text: string): string {
  const [last = ''] = text.split('\n').slice(-2);
  const [, seq = '', keyId = ''] = /"seq":(\d+),.*"key_id":"([^"]+)"/.exec(last) ?? [];
  return `${text}${hashed(`{"integrity":{"seq":${Number(seq) + 1},"kind":"later","key_id":"${keyId}","hash":"`)}\n`;
}

const rows: readonly Row[] = [
  {
    what: 'a state',
    scene: 'mac',
    make: version2(STATE),
    ...SEAL,
    exit: 2,
    says: ['STATE_MALFORMED', 'another version'],
  },
  {
    what: 'a state with a member that is not known',
    scene: 'signed',
    make: raised(STATE, '"epoch":', '"later":true,"epoch":'),
    ...SEAL,
    exit: 2,
    says: ['STATE_MALFORMED', 'later'],
  },
  {
    what: 'a state, for recover',
    scene: 'mac',
    make: version2(STATE),
    argv: ['recover', 'log/app.jsonl', '--reason', 'a test', '--config', 'writer.yaml'],
    exit: 0,
    says: ['will begin the stream'], // which somebody asked for; what cannot be read is kept beside it
    keeps: /./,
  },
  {
    what: 'a state, for doctor',
    scene: 'mac',
    make: version2(STATE),
    argv: ['doctor', '--config', 'writer.yaml'],
    exit: 1,
    says: ['another version'],
  },
  {
    what: 'the state of a log on standard output',
    scene: 'piped',
    make: version2(STATE),
    ...SEAL,
    exit: 2,
    says: ['STATE_MALFORMED', 'another version'],
  },
  {
    what: 'a note of which kept lines are sealed',
    scene: 'torn',
    make: version2(/\.taken$/),
    argv: ['seal', '--config', 'writer.yaml'],
    input: '{"n":99}\n',
    exit: 0, // the log goes on, and the kept lines wait for a writer that can read the note
    says: ['STATE_MALFORMED', 'another version'],
    keeps: /unsealed/,
  },
  {
    what: 'a file of known checkpoints',
    scene: 'mac',
    make: raised(/known\.json$/, '"version": 1', '"version": 2'),
    argv: ['verify', 'log', '--origin', ORIGIN, '--keys', 'test-data.key', '--known', 'known.json'],
    exit: 2,
    says: ['FORMAT_INVALID', 'known.json', 'version'],
  },
  {
    what: 'the memory of an audit',
    scene: 'fleet',
    make: (copy) => {
      for (const name of filesBelow(copy).filter((one) => one.startsWith('memory/')))
        writeFileSync(
          join(copy, name),
          remembered((text) => text.replace('"version":2', '"version":3'))(readFileSync(join(copy, name), 'utf8')),
        );
    },
    argv: ['audit', 'logs', '--memory', 'memory', '--policy', 'policy.yaml', '--format', 'json'],
    exit: 2,
    says: ['FORMAT_INVALID', 'version'],
  },
  {
    what: 'a record of a journal',
    scene: 'fleet',
    make: async (copy) =>
      runHere(['seal', '--config', 'journal.yaml', '--quiet'], {
        cwd: copy,
        input: '{"journal":2,"night":"2025-03-02T00:00:00.000Z"}\n',
      }),
    argv: [
      'audit',
      'logs',
      '--memory',
      'memory',
      '--policy',
      'policy.yaml',
      '--journal',
      'journal.yaml',
      '--format',
      'json',
    ],
    exit: 2,
    says: ['UNSUPPORTED', 'of the journal is of a later version'],
  },
  {
    what: 'a manifest',
    scene: 'mac-and-signature',
    make: raised(/manifest\.json$/, '"version": 1', '"version": 2'),
    argv: ['verify', 'log', ...SIGNED],
    exit: 2,
    says: ['UNSUPPORTED', 'version'],
  },
  {
    what: 'a policy',
    scene: 'mac-and-signature',
    make: raised(/policy\.yaml$/, 'version: 1', 'version: 2'),
    argv: ['verify', 'log', '--policy', 'policy.yaml', '--keys', 'keys'],
    exit: 64,
    says: ['POLICY_INVALID', 'version'],
  },
  {
    what: 'a configuration',
    scene: 'mac',
    make: changed(/writer\.yaml$/, (text) => `${text}later_option: 1\n`),
    ...SEAL,
    exit: 64,
    says: ['CONFIG_UNKNOWN_OPTION', 'later_option'],
  },
  {
    what: 'a file of recovered keys',
    scene: 'wrapped',
    make: version2(/recovered\.keys$/),
    argv: ['verify', 'log', '--origin', ORIGIN, '--keys', 'test-recovered.keys'],
    exit: 2,
    says: ['version 2'],
  },
  {
    what: 'the proof of a record',
    scene: 'signed',
    make: raised(/record\.tlog-proof$/, '@v1', '@v2'),
    argv: ['verify', 'record.tlog-proof', ...SIGNED, '--format', 'json'],
    exit: 2,
    says: ['UNSUPPORTED'],
  },
  {
    what: 'the proof of a stream',
    scene: 'fleet',
    make: raised(/a\.stream-proof$/, '@v1', '@v2'),
    argv: [
      'verify',
      'a.stream-proof',
      '--origin',
      'compat.example/journal',
      '--public-key',
      'test-other.key.pub',
      '--format',
      'json',
    ],
    exit: 2,
    says: ['UNSUPPORTED'],
  },
  {
    what: 'a log',
    scene: 'note-key',
    make: changed(LOG, (text) => resealed(text, '"format":1', '"format":2')),
    argv: ['verify', 'log', ...SIGNED],
    exit: 2,
    says: ['UNSUPPORTED', '"format": 2'],
  },
  {
    what: 'a log without its state, for its writer',
    scene: 'note-key',
    make: (copy) => {
      changed(LOG, (text) => resealed(text, '"format":1', '"format":2'))(copy);
      rmSync(only(copy, STATE));
    },
    ...SEAL,
    exit: 2,
    says: ['STATE_CONFLICT', 'a line that this version does not know'],
  },
  {
    what: 'an entry of a log',
    scene: 'killed',
    make: changed(LOG, laterEntry),
    argv: ['verify', 'log', ...SIGNED],
    exit: 2,
    says: ['UNSUPPORTED', 'kind "later"'],
  },
  {
    what: 'an entry of a log, for its writer',
    scene: 'killed',
    make: changed(LOG, laterEntry),
    ...SEAL,
    exit: 2,
    says: ['STATE_CONFLICT', 'later version', 'kind "later"'],
  },
  {
    what: 'the results of a part of an audit',
    scene: 'mac',
    make: (copy) => writeFileSync(join(copy, 'part.ndjson'), '{"version":2,"stream":"a","result":"new"}\n'),
    argv: ['audit', 'merge', 'part.ndjson'],
    exit: 2,
    says: ['FORMAT_INVALID'],
  },
  {
    what: 'the file of a queued audit',
    scene: 'mac',
    make: (copy) =>
      writeFileSync(join(copy, 'audit.run'), '{"format":"fapilog-tamper audit run 2","run":"x","queue":"default"}\n'),
    argv: ['audit', 'collect', '--run', 'audit.run', '--redis-url', 'redis://127.0.0.1:1'],
    exit: 2,
    says: ['FORMAT_INVALID', 'audit.run'],
  },
];

describe('of a later version', () => {
  it.each(rows)(
    '$what: refused by name, and left as it is',
    async ({ scene, make, argv, input, exit, says, keeps }) => {
      const copy = copyInto(parent, join(folder, scene));
      for (const name of filesBelow(copy)) if (name.endsWith('.lock')) rmSync(join(copy, name));
      await make(copy);
      const before = snapshotOf(copy);
      const { code, stdout, stderr } = await runHere(argv, { cwd: copy, ...(input !== undefined && { input }) });
      const output = `${stdout}${stderr}`;
      for (const text of says) expect(output.replaceAll('\\"', '"')).toContain(text);
      expect(code).toBe(exit);
      const after = snapshotOf(copy);
      const contents = new Set(after.values());
      const harmed = [...before].filter(([name, content]) =>
        keeps === undefined ? after.get(name) !== content : keeps.test(name) && !contents.has(content),
      );
      expect(harmed).toEqual([]);
    },
  );
});
