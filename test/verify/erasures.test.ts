import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPolicy, verify } from '../../src/index.ts';
import { erase, erasureOf, SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { salted } from '../vectors/catalogue/salts.ts';
import { edKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';
import { cutAfter, dropCheckpoints } from '../vectors/spoil.ts';

/** Erasure logs that a policy names, read beside the logs that they are about (spec/erasure.md). */

const folder = mkdtempSync(join(tmpdir(), 'erasures-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ORIGIN = new SealedLog().origin;
const LOGS = ['audit.example.com/erasures/1', 'audit.example.com/erasures/2'];
const LOG_KEYS = [nextEdKey, thirdEdKey];

interface StreamGiven {
  readonly origin: string;
  readonly require?: readonly string[];
  readonly keys: readonly object[];
}

const own: StreamGiven = { origin: ORIGIN, keys: [{ sign: vkeyOf(ORIGIN, edKey) }] };
const erasureStream = (at: number): StreamGiven => ({
  origin: LOGS[at] as string,
  require: ['signature'],
  keys: [{ sign: vkeyOf(LOGS[at] as string, LOG_KEYS[at] as typeof edKey) }],
});

function policyOf(streams: readonly StreamGiven[], erasures: readonly string[]): ReturnType<typeof loadPolicy> {
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, JSON.stringify({ version: 1, streams, erasures }));
  return loadPolicy(path);
}

/** An erasure log that records these entries of the log above, before it was erased. */
function erasureLog(at: number, ...seqs: number[]): SealedLog {
  const log = new SealedLog(LOGS[at])
    .open({ signers: [LOG_KEYS[at] as typeof edKey] })
    .seal()
    .checkpoint();
  log.record(...seqs.map((seq) => JSON.stringify(erasureOf(salted(signKeys), seq))));
  return log.close().checkpoint();
}

/** The verdict and the findings of the stream itself, with these erasure logs beside it. */
async function judged(log: SealedLog, ...logs: SealedLog[]): Promise<string> {
  const named = logs.map((_, at) => at);
  const policy = await policyOf(
    [own, ...named.map(erasureStream)],
    named.map((at) => LOGS[at] as string),
  );
  const paths = [log, ...logs].map((one, at) => {
    const path = join(folder, `${at}.jsonl`);
    writeFileSync(path, one.toFiles()[0]?.bytes ?? '');
    return path;
  });
  const { streams } = await verify({ paths, policy });
  const { verdict, findings } = streams.find(({ origin }) => origin === ORIGIN) ?? { verdict: 'none', findings: [] };
  return [verdict, ...findings.map(({ code, seq }) => `${code} ${seq}`)].join(', ');
}

const gone = (): SealedLog => erase(salted(signKeys), 3, 4);

describe('R1.2: a policy names erasure logs', () => {
  it.each<[string, readonly StreamGiven[]]>([
    ['has no entry', [own]],
    ['has no entry', [own, { ...erasureStream(0), origin: 'audit.example.com/erasures/*' }]],
    ['require: [signature]', [own, { ...erasureStream(0), require: [] }]],
    ['name a public key', [own, { ...erasureStream(0), keys: [] }]],
    ['key in common', [own, { ...erasureStream(0), keys: [{ sign: vkeyOf(LOGS[0] as string, edKey) }] }]],
  ])('and is refused where one %s', async (message, streams) => {
    await expect(policyOf(streams, [LOGS[0] as string])).rejects.toThrow(message);
  });
});

describe('R1.3: what erasure logs record', () => {
  it('counts, whichever of several says it', async () => {
    expect(await judged(gone(), erasureLog(0, 3, 4))).toBe('ok, ERASED 3, ERASED 4');
    expect(await judged(gone(), erasureLog(0, 4), erasureLog(1, 3))).toBe('ok, ERASED 3, ERASED 4');
  });

  it('and what none of them records nobody had the right to erase, where all are whole', async () => {
    expect(await judged(gone(), erasureLog(0, 3))).toBe('tampered, ERASED 3, ERASED_UNRECORDED 4');
    expect(await judged(gone(), erasureLog(0, 3), erasureLog(1, 5))).toBe(
      'tampered, ERASED 3, ERASED_UNRECORDED 4, NOT_ERASED 5',
    );
  });

  it('says nothing behind the proven end of an erasure log, which is not whole then', async () => {
    const cut = dropCheckpoints(cutAfter(erasureLog(0, 3, 4), 4), (number) => number > 0);
    expect(await judged(gone(), cut)).toBe('undecided, ERASED_UNPROVEN 3, ERASED_UNPROVEN 4');
  });

  it('says nothing where that log was tampered with', async () => {
    const log = erasureLog(0, 3, 4);
    const line = log.lines.find(({ seq }) => seq === 4);
    if (line !== undefined) line.bytes = Buffer.from(line.bytes.toString().replace('4711', '4712'));
    expect(await judged(gone(), log)).toBe('undecided, ERASED_UNPROVEN 3, ERASED_UNPROVEN 4');
  });
});
