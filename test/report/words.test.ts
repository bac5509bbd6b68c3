import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { verdictText } from '../../src/cli/verify-text.ts';
import { auditorKeys, type KeyReport, type StreamReport, type VerifyReport, verify } from '../../src/index.ts';
import { keysUsed } from '../../src/report/html/keys-section.ts';
import { renderReport } from '../../src/report/html/render-report.ts';
import { erasedClause } from '../../src/report/words/erased.ts';
import { hostCould, whoCouldHaveForged } from '../../src/report/words/forgers.ts';
import { meaningOf } from '../../src/report/words/meaning.ts';
import { verdictSentence } from '../../src/report/words/verdict-words.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, fixedBytes, vkeyOf } from '../support/signing-keys.ts';
import { vectorReport } from '../support/vector-reports.ts';

async function streamOf(name: string): Promise<StreamReport> {
  const [stream] = (await vectorReport(name)).streams;
  if (stream === undefined) throw new Error(`the vector ${name} has no stream`);
  return stream;
}

describe('the verdict in one sentence', () => {
  it.each([
    [
      'valid-both',
      /^The log audit\.example\.com\/vectors\/a is as it was sealed: all its 14 entries were checked, and none is missing, changed, added or out of order\.$/,
    ],
    [
      'root-mismatch',
      /is not as it was sealed: entries were changed, removed or added before a checkpoint \(within entries 3 to 8\)\.$/,
    ],
    [
      'no-key',
      /^It cannot be decided whether the log .* is as it was sealed: you gave no key that can check the entries/,
    ],
  ])('%s', async (name, sentence) => {
    expect(verdictSentence(await vectorReport(name))).toMatch(sentence);
  });

  it('says that warnings were asked to count, where nothing else makes it undecided', async () => {
    const report = await vectorReport('valid-mac');
    const streams = report.streams.map((stream) => ({ ...stream, verdict: 'undecided' as const }));
    expect(verdictSentence({ ...report, streams })).toMatch(/has warnings, and you asked that warnings count\.$/);
  });

  it('never calls a log ok that is not, and never accuses one that is undecided', async () => {
    for (const name of ['auth-wrong', 'fork', 'unsigned', 'end-unproven', 'wrong-key']) {
      const { verdict, ...rest } = await vectorReport(name);
      expect(verdict).not.toBe('ok');
      const sentence = verdictSentence({ verdict, ...rest });
      expect(sentence).not.toContain('none is missing');
      expect(sentence.startsWith('It cannot be decided')).toBe(verdict === 'undecided');
    }
  });
});

describe('who could have forged a log', () => {
  it.each([
    ['valid-mac', 'mac', /^anyone who holds the data key/],
    ['valid-ed25519', 'signature', /^anyone who may sign/],
    ['valid-both', 'both', /^only someone who holds the data key and may also sign/],
    ['valid-both-data', 'mac', /^anyone who holds the data key/],
    ['valid-both-public', 'signature', /^anyone who may sign/],
    ['no-key', 'nothing', /^anyone who could write to the files: no key of yours/],
    ['unwitnessed-held', 'unwitnessed', /no checkpoint that the witnesses you asked for have cosigned/],
  ])('%s: %s', async (name, how, who) => {
    const ranges = whoCouldHaveForged(await streamOf(name));
    expect(ranges.map((range) => range.how)).toEqual([how]);
    expect(ranges[0]?.who).toMatch(who);
  });

  const period = (firstSeq: number, lastSeq: number, checkedBy: KeyReport['checkedBy']): KeyReport => ({
    keyId: 'AAAAAAAA.1',
    records: 'mac',
    firstSeq,
    lastSeq,
    signers: [],
    checkedBy,
    status: 'vouched',
  });

  it('joins neighbouring key periods that were checked alike, and leaves out those that never came into force', async () => {
    const keys = [period(1, 9, ['mac']), period(10, 19, ['mac']), period(25, 0, ['signature']), period(20, 29, [])];
    const ranges = whoCouldHaveForged({ ...(await streamOf('valid-mac')), firstSeq: 1, lastSeq: 29, keys });
    expect(ranges.map(({ how, firstSeq, lastSeq }) => [how, firstSeq, lastSeq])).toEqual([
      ['mac', 1, 19],
      ['nothing', 20, 29],
    ]);
  });

  it('nobody is known for entries whose key period is not, because what began it is missing', async () => {
    const stream = await streamOf('valid-mac');
    const said = (keys: readonly KeyReport[], provenSize: number) =>
      whoCouldHaveForged({ ...stream, firstSeq: 1, lastSeq: 40, provenSize, keys }).map(
        ({ how, firstSeq, lastSeq }) => [how, firstSeq, lastSeq],
      );
    expect(said([period(1, 9, ['signature'])], 9)).toEqual([
      ['signature', 1, 9],
      ['uncovered', 10, 40],
    ]);
    expect(said([period(1, 9, ['mac', 'signature']), period(20, 40, ['mac', 'signature'])], 40)).toEqual([
      ['both', 1, 9],
      ['uncovered', 10, 19],
      ['both', 20, 40],
    ]);
  });

  it('of entries that no signature covers the data key alone is enough, though later ones are proven', async () => {
    const stream = await streamOf('valid-mac');
    const finding = { code: 'UNSIGNED', severity: 'undecided', message: '', seq: 3, lastSeq: 5 } as const;
    const said = (checkedBy: KeyReport['checkedBy'], more: Record<string, number>) =>
      whoCouldHaveForged({
        ...stream,
        firstSeq: 1,
        lastSeq: 9,
        provenSize: 9,
        keys: [period(1, 9, checkedBy)],
        findings: [finding],
        more,
      }).map(({ how, firstSeq, lastSeq }) => [how, firstSeq, lastSeq]);
    expect(said(['mac', 'signature'], {})).toEqual([
      ['both', 1, 2],
      ['mac', 3, 5],
      ['both', 6, 9],
    ]);
    expect(said(['signature'], { UNSIGNED: 2 })).toEqual([
      ['signature', 1, 2],
      ['uncovered', 3, 9],
    ]);
  });

  it('a signature says nothing of what comes after the proven end', async () => {
    const said = async (name: string) =>
      whoCouldHaveForged(await streamOf(name)).map(({ how, firstSeq, lastSeq }) => [how, firstSeq, lastSeq]);
    expect(await said('root-mismatch')).toEqual([
      ['signature', 1, 2],
      ['uncovered', 3, 14],
    ]);
    const both = { ...(await streamOf('valid-both')), provenSize: 8 };
    expect(whoCouldHaveForged(both).map(({ how, lastSeq }) => [how, lastSeq])).toEqual([
      ['both', 8],
      ['mac', 14],
    ]);
  });

  it('the host with its keys in a file could write all of it anew, one with a key service could not alter what was sealed', async () => {
    const [local] = hostCould(await streamOf('valid-mac'));
    expect(local).toMatch(/^held the keys and could have rewritten the log/);
    const stream = await streamOf('valid-mac');
    const keys = stream.keys.map((key) => ({
      ...key,
      ...(key.dataKey && { dataKey: { ...key.dataKey, source: 'aws-kms' } }),
    }));
    expect(hostCould({ ...stream, keys })).toEqual([expect.stringMatching(/^could not alter what was sealed before/)]);
    const signed = await streamOf('valid-ed25519');
    const remote = signed.keys.map((key) => ({
      ...key,
      signers: key.signers.map((one) => ({ ...one, source: 'vault' })),
    }));
    expect(hostCould({ ...signed, keys: remote })).toEqual([
      expect.stringMatching(/^could have had everything after the last checkpoint kept elsewhere/),
    ]);
    expect(hostCould(await streamOf('no-key'))).toEqual([]);
  });
});

describe('keys that were used', () => {
  it('are each there once, with a fingerprint to read out', async () => {
    const { keys } = await streamOf('valid-both');
    const used = keysUsed([...keys, ...keys]);
    expect(used.map(({ kind }) => kind)).toEqual(['data key', 'signing key']);
    const signer = keys[0]?.signers[0]?.fingerprint ?? '';
    expect(used[1]?.spoken?.replaceAll(' ', '')).toBe(signer.slice('sha256:'.length));
    expect(Buffer.from(used[0]?.spoken?.replaceAll(' ', '') ?? '', 'hex').toString('base64url')).toBe(
      keys[0]?.dataKey?.fingerprint,
    );
  });

  it('a data key of thousands of key periods is one, with its first and last fingerprint', async () => {
    const [key] = (await streamOf('valid-both')).keys;
    if (key?.dataKey === undefined) throw new Error('a vector without a data key');
    const { dataKey } = key;
    const periods = Array.from({ length: 3_000 }, (_, at) => {
      const fingerprint = Buffer.alloc(32, 0)
        .fill(at & 0xff, 0, 16)
        .fill(at >> 8, 16)
        .toString('base64url');
      return { ...key, dataKey: { ...dataKey, fingerprint } };
    });
    const [used] = keysUsed(periods);
    expect(used).toMatchObject({ fingerprints: 3_000, spoken: `${'0000 '.repeat(16).trim()}` });
    expect(used?.lastSpoken).toBe(`${'b7b7 '.repeat(8)}${'0b0b '.repeat(8)}`.trim());
  });
});

describe('nothing is claimed of what was not checked', () => {
  const okOf = async (name: string) => {
    const report = await vectorReport(name);
    expect(report.verdict).toBe('ok');
    const { yes, no } = meaningOf(report);
    return { stream: await streamOf(name), sentence: verdictSentence(report), yes: yes.join(' '), no: no.join(' ') };
  };
  const forgersIn = (stream: StreamReport) =>
    whoCouldHaveForged(stream).map(({ how, firstSeq, lastSeq }) => [how, firstSeq, lastSeq]);

  it('entries that a restart took over unchecked, though the auditor accepts them', async () => {
    const { stream, sentence, yes, no } = await okOf('adopted-accepted');
    const [taken] = stream.takenOver ?? [];
    if (taken === undefined) throw new Error('the vector takes nothing over');
    expect(taken.macChecked).toBe(false);
    expect(stream.adoptedEntries).toBe(taken.lastSeq - taken.firstSeq + 1);
    expect(sentence).toContain(
      `(${taken.firstSeq} to ${taken.lastSeq}) that a restart took over and nobody had checked`,
    );
    expect(sentence).not.toContain('all its');
    expect(yes).toContain('other than those that a restart took over unchecked');
    expect(no).toContain(
      'Anyone who could write to the files between the crash and the restart could have forged them',
    );
    expect(forgersIn(stream)).toContainEqual(['taken over', taken.firstSeq, taken.lastSeq]);
  });

  it('nor where they leave the log undecided', async () => {
    const stream = await streamOf('adopted');
    const finding = stream.findings.find(({ code }) => code === 'ADOPTED');
    expect(stream.verdict).toBe('undecided');
    expect(forgersIn(stream)).toContainEqual(['taken over', finding?.seq, finding?.lastSeq]);
  });

  it('entries that a restart took over with their MACs checked: the data key alone is enough', async () => {
    const { stream } = await okOf('valid-adopted-with-macs');
    const [taken] = stream.takenOver ?? [];
    expect(taken?.macChecked).toBe(true);
    expect(forgersIn(stream)).toContainEqual(['taken over with macs', taken?.firstSeq, taken?.lastSeq]);
    for (const { who, firstSeq, lastSeq } of whoCouldHaveForged(stream)) {
      const within = firstSeq >= (taken?.firstSeq ?? 0) && lastSeq <= (taken?.lastSeq ?? 0);
      expect(who.includes('one of the two is not enough')).toBe(!within);
    }
  });

  it('entries of a signed log that stand before a part that is missing, and behind the last checkpoint there', async () => {
    const stream = await streamOf('abandoned-file-missing-signed');
    const [unproven] = stream.unproven ?? [];
    if (unproven === undefined) throw new Error('everything is proven in this vector');
    expect(unproven.lastSeq).toBeLessThan(stream.provenSize);
    expect(forgersIn(stream)).toContainEqual(['uncovered', unproven.firstSeq, unproven.lastSeq]);
  });

  it('entries after the proven end', async () => {
    const { stream, sentence, yes, no } = await okOf('valid-live');
    expect(stream.provenSize).toBeLessThan(stream.lastSeq);
    expect(sentence).toContain(`nothing is proven yet of what comes after entry ${stream.provenSize}`);
    expect(yes).toContain('up to the proven one');
    expect(no).toContain('nothing about entries after the last proven one');
  });

  it('lines that the writer lost', async () => {
    const { stream, sentence, no } = await okOf('valid-gaps');
    expect(stream.droppedLines).toBeGreaterThan(0);
    expect(sentence).not.toContain('none is missing');
    expect(sentence).toMatch(/; the writer lost \d+ lines? before/);
    expect(no).toContain('what was in lines that the writer lost');
  });

  it('many logs are not all as sealed where one has what nobody checked', async () => {
    const reports = [await vectorReport('adopted-accepted'), await vectorReport('valid-gaps')];
    const [report] = reports;
    if (report === undefined) throw new Error('no report');
    const sentence = verdictSentence({ ...report, streams: reports.flatMap(({ streams }) => streams) });
    expect(sentence).toMatch(/^All 2 logs are as they were sealed, but for entries of 1 that a restart took over/);
    expect(sentence).toMatch(/the writer lost \d+ line/);
  });
});

describe('the text claims no more', () => {
  it.each([
    ['adopted-accepted', /\n {2}\d+ entries were taken over by a restart and not checked by anyone: \d+ to \d+\n/],
    ['adopted', /\n {4}entries \d+ to \d+ by anyone who could write to the files between the crash and the restart/],
    ['valid-adopted-with-macs', /anyone who holds the data key: it alone is enough/],
    ['valid-live', /\n {2}entries 1 to \d+, .*; proven up to entry \d+, nothing is proven of what comes after it\n/],
    ['valid-gaps', /\n {2}\d+ lines? (was|were) lost by the writer \(gap entries\)\n/],
  ])('%s', async (name, text) => {
    expect(verdictText(await vectorReport(name), 'normal')).toMatch(text);
  });
});

/** What was done to a log, and what is said first of it, in the words that a reader sees: each row was read for whether it is true. */
const FIRST: readonly { vector: string; done: string; verdict: string; said: string }[] = JSON.parse(
  readFileSync(new URL('./first-sentences.json', import.meta.url), 'utf8'),
);

/** No entry of these contradicts its seals. */
const isBesideEntries = (vector: string): boolean => vector === 'manifest-wrong' || vector === 'records-floor';

describe('the first sentence', () => {
  it.each(FIRST)('$done ($vector): $said', async ({ vector, verdict, said }) => {
    const report = await vectorReport(vector);
    expect(report.verdict).toBe(verdict);
    const html = renderReport(report, { version: '1.2.3', checkedAt: '2026-11-26T05:00:00.000Z', given: [] });
    const read = html
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'");
    const { streams } = report;
    const stream = streams.find((one) => one.verdict === verdict);
    const name = `the log ${stream?.origin}`;
    const capital = `The log ${stream?.origin}`;
    const sentence =
      verdict === 'tampered'
        ? `${capital} is not ${isBesideEntries(vector) ? 'accepted' : 'as it was sealed'}: ${said}.`
        : `It cannot be decided whether ${name} is as it was sealed: ${said}.`;
    if (streams.length === 1) {
      expect(verdictText(report, 'normal').split('\n')[1]).toBe(`  ${said}`);
      expect(read).toContain(`Verification of a sealed log ${verdict.toUpperCase()} ${sentence}`);
    } else {
      expect(verdictText(report, 'normal')).toContain(`\n  ${said}\n`);
      expect(read).toContain(said);
    }
  });

  it('is there for 40 causes and more, none of them twice', () => {
    expect(new Set(FIRST.map(({ vector }) => vector)).size).toBe(FIRST.length);
    expect(FIRST.length).toBeGreaterThanOrEqual(40);
  });
});

describe('the first sentence is the cause, and nothing false comes after it', () => {
  const origin = 'audit.example.com/causes';
  const signer = ed25519Key('causes');
  const dataKey = fixedBytes('causes');
  const scratch = mkdtempSync(join(tmpdir(), 'causes-'));
  afterAll(() => rmSync(scratch, { recursive: true }));

  const MODES = { signed: { signers: [signer] }, mac: { dataKey }, both: { dataKey, signers: [signer] } } as const;
  type Mode = keyof typeof MODES;
  type Given = 'public' | 'data';

  /** Entries 1 and 2 begin the log, 3 to 7 and 9 to 13 are records, 8 is a seal, 14 the close. */
  function honestLines(mode: Mode): string[] {
    const log = new SealedLog(origin).open(MODES[mode]).seal().checkpoint();
    for (const step of [1, 2]) {
      for (let n = 1; n <= 5; n++) log.record(`{"step":${step},"n":${n},"amount":100}`);
      if (step === 1) log.seal().checkpoint();
    }
    const [file] = log.close().checkpoint().toFiles();
    return file?.bytes.toString('utf8').split('\n').filter(Boolean) ?? [];
  }

  const isFifth = (line: string): boolean => line.includes('"step":1,"n":3');
  const isCheckpoint = (line: string): boolean => line.includes('"kind":"checkpoint"');
  const CHANGES = {
    nothing: (lines) => lines,
    'an altered record': (lines) => lines.map((line) => (isFifth(line) ? line.replace('100', '999') : line)),
    'a removed record': (lines) => lines.filter((line) => !isFifth(line)),
    'records and their seal removed': (lines) => lines.filter((line) => !/"step":1,"n":[345]|"seq":8,/.test(line)),
    'an appended line': (lines) => [...lines, '{"amount":100}'],
    'an altered seal': (lines) =>
      lines.map((line) => line.replace('"records":5,"dropped":0', '"records":5,"dropped":1')),
    'no checkpoint but the first': (lines) => lines.filter((line, at) => at < 3 || !isCheckpoint(line)),
  } as const satisfies Record<string, (lines: string[]) => string[]>;
  type Change = keyof typeof CHANGES;

  const KEYS = {
    'the key': {},
    'the wrong key': { name: 'another' },
    'no key': { none: true },
  } as const satisfies Record<string, { name?: string; none?: boolean }>;
  type Keys = keyof typeof KEYS;

  async function reportOn(mode: Mode, change: Change, keys: Keys, given: readonly Given[]): Promise<VerifyReport> {
    const log = join(scratch, 'log.jsonl');
    const keyFile = join(scratch, 'data.key');
    writeFileSync(log, `${CHANGES[change](honestLines(mode)).join('\n')}\n`);
    const wrong = keys === 'the wrong key';
    writeFileSync(keyFile, (wrong ? fixedBytes('another') : dataKey).toString('hex'), { mode: 0o600 });
    const publicKeys = given.includes('public') ? [vkeyOf(origin, wrong ? ed25519Key('another') : signer)] : [];
    const dataKeyFiles = given.includes('data') ? [keyFile] : [];
    return verify({ paths: [log], origin, keys: keys === 'no key' ? [] : auditorKeys({ publicKeys, dataKeyFiles }) });
  }

  /** What an auditor with the right key is told of each change, first of all. */
  const CAUSE: Readonly<Record<Change, RegExp>> = {
    nothing: /^$/,
    'an altered record':
      /^ {2}1 entry was changed after it was sealed \(5\); every other one from 1 to 14 (is as it was sealed|has the MAC that it was sealed with)$/,
    'a removed record': /^ {2}entry 5 was removed/,
    'records and their seal removed': /^ {2}4 entries were removed \(5 to 8\)/,
    'an appended line': /^ {2}a line that was never sealed in this form is among sealed ones \(after entry 14\)$/,
    'an altered seal':
      /^ {2}(1 entry was changed after it was sealed \(8\); every other one from 1 to 14 has the MAC|an entry was changed after it was written \(entry 8\)$)/,
    'no checkpoint but the first':
      /^ {2}entries are not covered by a signature that you demand|^ {2}the log ends with close/,
  };
  const rows = (Object.keys(MODES) as Mode[]).flatMap((mode) =>
    (mode === 'both' ? [['public'], ['data'], ['public', 'data']] : [[mode === 'mac' ? 'data' : 'public']]).flatMap(
      (given) =>
        (Object.keys(CHANGES) as Change[]).flatMap((change) =>
          (Object.keys(KEYS) as Keys[]).map((keys) => ({ mode, change, keys, given: given as Given[] })),
        ),
    ),
  );

  it.each(rows)('$mode log, $change, $keys ($given)', async ({ mode, change, keys, given }) => {
    const report = await reportOn(mode, change, keys, given);
    const [stream] = report.streams;
    const text = verdictText(report, 'normal');
    const [headline, first = ''] = text.split('\n');
    const right = keys === 'the key';
    if (change === 'nothing') expect(report.verdict).toBe(right ? 'ok' : 'undecided');
    else expect(report.verdict).not.toBe('ok');
    expect(headline).toBe(`${report.verdict.toUpperCase()}  ${origin}`);

    if (report.verdict === 'ok') expect(first).toMatch(/^ {2}could have been forged by/);
    else if (right && (given.includes('data') || mode === 'signed' || !change.startsWith('an altered')))
      expect(first).toMatch(CAUSE[change]);
    else if (report.verdict === 'undecided')
      expect(first).toMatch(/^ {2}(you gave no key that can|the key that you gave is another)/);
    else
      expect(first).toMatch(
        /^ {2}(1 entry was changed|an entry was changed|entry 5 was removed|(4 )?entries were|a line that was never sealed|a seal has the wrong count of the records)/,
      );

    // a key that is given and signs the log is never said to check nothing, and one that is not given never to check something
    expect(text.includes('no key of yours')).toBe(!right);
    // what is proven could not have been forged by everybody, and what a finding names has been
    for (const { how, firstSeq, lastSeq } of whoCouldHaveForged(stream as StreamReport)) {
      if (how === 'nothing' || how === 'uncovered') expect(firstSeq).toBeGreaterThan(stream?.provenSize ?? 0);
      else expect(right).toBe(true);
      if (how === 'signature' || how === 'both') expect(lastSeq).toBeLessThanOrEqual(stream?.provenSize ?? 0);
    }
    // the page says the same first
    const html = renderReport(report, { version: '1.2.3', checkedAt: '2026-11-26T05:00:00.000Z', given: [] });
    const page = html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
    if (report.verdict !== 'ok')
      expect(page).toContain(
        `is as it was sealed: ${first.trim()}.`.replace('is as', report.verdict === 'tampered' ? 'is not as' : 'is as'),
      );

    expect(/\n {2}could have been forged/.test(text)).toBe(report.verdict !== 'tampered');
    expect(text.includes('\n  what no finding names could have been forged')).toBe(report.verdict === 'tampered');
  });

  /** A signed log of 300 records, perhaps one that is still written; of which these are altered. */
  async function manyAltered(altered: (n: number) => boolean, live: boolean): Promise<string> {
    const log = new SealedLog(origin).open(MODES.signed).seal().checkpoint();
    for (let n = 1; n <= 200; n++) log.record(`{"n":${n},"amount":100}`);
    log.seal().checkpoint();
    for (let n = 201; n <= 300; n++) log.record(`{"n":${n},"amount":100}`);
    if (!live) log.close().checkpoint();
    const text = log.toFiles()[0]?.bytes.toString('utf8') ?? '';
    const path = join(scratch, 'many.jsonl');
    const change = (all: string, n: string): string => (altered(Number(n)) ? all.replace('100', '999') : all);
    writeFileSync(path, text.replaceAll(/"n":(\d+),"amount":100/g, change));
    const keys = auditorKeys({ publicKeys: [vkeyOf(origin, signer)] });
    const report = await verify({ paths: [path], origin, keys, live, now: new Date(log.clock + 1000) });
    expect(report.verdict).toBe('tampered');
    return verdictText(report, 'normal').split('\n')[1] ?? '';
  }

  it('counts altered records beyond the hundred that are named', async () => {
    expect(await manyAltered((n) => n <= 150, false)).toBe(
      '  150 entries were changed after they were sealed (3 to 102 and 50 more); every other one from 1 to 304 is as it was sealed',
    );
  });

  it('does not say of altered records that are not named, and may not have been sealed, that they were', async () => {
    expect(await manyAltered((n) => n <= 110, true)).toMatch(
      /^ {2}an entry was changed after it was written \(entry 3 and 109 other places\)/,
    );
    expect(await manyAltered((n) => n > 80 && n <= 220, true)).not.toContain('sealed');
  });

  it('a MAC is not said to have been checked behind a hole that took a seal with it', async () => {
    const report = await reportOn('mac', 'records and their seal removed', 'the key', ['data']);
    expect(verdictText(report, 'normal')).toMatch(
      /entries 5 to 14 by anyone who holds the data key, and perhaps anyone/,
    );
  });
});

/** What a report says of erased records (spec/erasure.md, R2.4). */
const by = { reason: 'case 17', who: 'dpo@example.com', time: '2026-11-25T08:00:00.000Z' };
const about = { version: '0.0.0', checkedAt: '2026-11-25T00:00:00.000Z', given: [] };

async function erased(records: number, longestRun: number, listed = records): Promise<StreamReport> {
  const [stream] = (await vectorReport('valid-salted-hash')).streams;
  const list = Array.from({ length: listed }, (_, at) => ({ seq: at + 3, ...by }));
  return { ...(stream as StreamReport), erased: { records, longestRun, list } };
}

describe('erased records', () => {
  it('are in the sentence of the verdict, and in what it means', async () => {
    const report = await vectorReport('valid-salted-hash');
    const one = { ...report, streams: [await erased(1, 1)] };
    expect(verdictSentence(one)).toMatch(
      /is as it was sealed, with 1 record erased: all its 11 entries were checked.*; an erasure log records who erased what, when and why\.$/,
    );
    expect(verdictSentence({ ...one, streams: [...one.streams, await erased(2, 1)] })).toBe(
      'All 2 logs are as they were sealed; 3 records erased, which erasure logs record.',
    );
    expect(verdictSentence(report)).not.toContain('erased');
    const { yes, no } = meaningOf(one);
    expect(yes[0]).toContain('other than the erased ones, whose places are unchanged,');
    expect(no[0]).toContain('It does not show what erased records said.');
  });

  it.each([
    [1, 7, 1, '1 of 7 records is erased (14 %)'],
    [1, 1, 1, '1 of 1 record is erased (100 %)'],
    [2, 1000, 1, '2 of 1000 records are erased (under 1 %), at most 1 in a row'],
    [999, 1000, 800, '999 of 1000 records are erased (over 99 %), at most 800 in a row'],
  ])('%i of %i', async (count, records, longestRun, clause) => {
    expect(erasedClause({ ...(await erased(count, longestRun)), records })).toBe(clause);
  });

  it('have a section of their own, which is bounded, and says what is not listed', async () => {
    const report = await vectorReport('valid-salted-hash');
    const page = (stream: StreamReport): string => renderReport({ ...report, streams: [stream] }, about);
    expect(page(report.streams[0] as StreamReport)).not.toContain('Erased records');
    const many = page(await erased(1500, 1200, 1000));
    expect(many).toContain('<h2>Erased records</h2>');
    expect(many).toContain('500 more erased records are not listed');
    expect(page(await erased(1, 1, 0))).toContain('1 more erased record is not listed');
    const evil = await erased(1, 1);
    const list = [{ seq: 3, ...by, who: '<script>', reason: 'x'.repeat(1000) }];
    expect(page({ ...evil, erased: { records: 1, longestRun: 1, list } })).not.toContain('<script>');
  });
});
