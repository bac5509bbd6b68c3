import { hash, randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CommandResult, runHere } from '../support/command-line.ts';
import { times } from '../support/tier.ts';

/**
 * What somebody can guess who was given the proof of one record (M1.2, M1.12). Its first hash is the leaf of the record before it,
 * of whose line the guesser knows everything but an amount. The guesser has the specification and node:crypto, nothing of ours.
 */

const TRIES = times(20_000, 3_000_000);
/** Far from both ends, so that a guesser who goes through all amounts comes by it. */
const AMOUNT = Math.floor(TRIES * 0.7) + 3;
const ORIGIN = 'audit.example.com/app';
const SALT_LENGTH = 16;

/** What the proof says, and what the guesser knows of the line before the proven one. */
interface Held {
  /** The leaf hash of the neighbour, in base64. */
  readonly leaf: string;
  /** The line of the neighbour before its amount. */
  readonly head: string;
  readonly seq: number;
  readonly keyId: string;
  /** Of the neighbour's line, which no guesser has. */
  readonly salt: Buffer | undefined;
}

/** Seals a line with an amount and one more, and proves that one. */
async function given(env: Readonly<Record<string, string>> = {}): Promise<Held> {
  const cwd = mkdtempSync(join(tmpdir(), 'guess-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const run = async (argv: readonly string[], input = ''): Promise<CommandResult> => {
    const result = await runHere(argv, { cwd, env, input });
    expect(result.code, result.stderr).toBe(0);
    return result;
  };
  await run(['keygen', '--algorithm', 'Ed25519', '--out', 'key']);
  const key = ['--key-source', 'file', '--key-file-path', 'key', '--algorithm', 'Ed25519'];
  const lines = `{"user":"ada","amount":${AMOUNT}}\n{"user":"bob","amount":7}\n`;
  await run(['seal', '--out', 'log.jsonl', '--origin', ORIGIN, ...key], lines);
  const { stdout } = await run(['prove', 'log.jsonl', '--seq', '4', '--origin', ORIGIN, '--public-key', 'key.pub']);
  const [, extra = ''] = /^extra (.+)$/m.exec(stdout) ?? [];
  const [, keyId = ''] = /"key_id":"([^"]+)"/.exec(Buffer.from(extra, 'base64').toString()) ?? [];
  const [, index, leaf = ''] = /^index (\d+)\n(.+)$/m.exec(stdout) ?? [];
  expect(index).toBe('3'); // an odd index: its sibling is the entry before it
  const [, salt] = /"amount":\d+,"integrity":\{"seq":3,"salt":"([\w-]{22})"/.exec(log(cwd)) ?? [];
  const known = salt === undefined ? undefined : Buffer.from(salt, 'base64url');
  return { leaf, head: '{"user":"ada","amount":', seq: 3, keyId, salt: known };
}

const log = (cwd: string): string => readFileSync(join(cwd, 'log.jsonl'), 'utf8');

/** Calls with every amount below {@link TRIES} in its place between two texts, in one buffer. @returns those for which it was right */
function amountsThatFit(before: string, after: string, fits: (line: Buffer) => boolean): number[] {
  const right: number[] = [];
  const start = Buffer.byteLength(before);
  let line = Buffer.alloc(0);
  for (let amount = 0; amount < TRIES; amount++) {
    const end = start + String(amount).length;
    if (line.length !== end + after.length) line = Buffer.from(`${before}${amount}${after}`);
    for (let at = end - 1, rest = amount; at >= start; at--) {
      line[at] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    if (fits(line)) right.push(amount);
  }
  return right;
}

/** As one without a salt: the leaf is of the line itself, but for its checksum. */
function byTheBareLine({ leaf, head, seq, keyId }: Held): number[] {
  const tail = `,"integrity":{"seq":${seq},"key_id":"${keyId}","hash":"`;
  return amountsThatFit(`\u0000${head}`, tail, (line) => hash('sha256', line, 'base64') === leaf);
}

/** As one with a salt: the leaf is of the commitment. `draw` puts a salt into the 16 bytes that it is given. */
function withSalts({ leaf, head, seq, keyId }: Held, draw: (salt: Buffer) => void): number[] {
  const start = `\u0000{"integrity":{"seq":${seq},"commit":"`;
  const erased = Buffer.from(`${start}${'C'.repeat(43)}","key_id":"${keyId}","hash":"`);
  return amountsThatFit(`\u0002${'S'.repeat(SALT_LENGTH)}${head}`, ',', (committed) => {
    draw(committed.subarray(1, 1 + SALT_LENGTH));
    erased.write(hash('sha256', committed, 'base64url'), start.length, 'latin1');
    return hash('sha256', erased, 'base64') === leaf;
  });
}

/** Fresh salts, drawn many at once. */
function drawer(): (salt: Buffer) => void {
  const drawn = Buffer.alloc(4_096 * SALT_LENGTH);
  let at = drawn.length;
  return (salt) => {
    if (at === drawn.length) at = randomFillSync(drawn).length - drawn.length;
    drawn.copy(salt, 0, at, at + SALT_LENGTH);
    at += SALT_LENGTH;
  };
}

describe('who has the proof of a record and knows its neighbour but for an amount', () => {
  it('finds the amount in a log without salts', async () => {
    expect(byTheBareLine(await given({ FAPILOG_TAMPER_SALT_RECORDS: 'false' }))).toEqual([AMOUNT]);
  }, 900_000);

  it('does not find it in a log with salts, neither by the bare line nor with guessed salts (M1.12)', async () => {
    const held = await given();
    expect(byTheBareLine(held)).toEqual([]);
    expect(withSalts(held, drawer())).toEqual([]);
    // the guesser works as the format does: with the salt, which stands in the line alone, the amount is found
    expect(withSalts(held, (salt) => held.salt?.copy(salt))).toEqual([AMOUNT]);
  }, 1_800_000);
});
