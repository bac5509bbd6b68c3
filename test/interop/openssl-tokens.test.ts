import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTamperError, loadTimestamp } from '../../src/index.ts';
import { type Purpose, TimeStampAuthority } from '../servers/time-stamp-authority.ts';
import { someOf } from '../support/tier.ts';
import { signedLog } from '../vectors/logs.ts';

/** Tokens of a forging authority, judged by us and by `openssl ts -verify` at the time that they say (M8.31, RFC 3161, RFC 5280). */

let authority: TimeStampAuthority;
let directory = '';
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokens-'));
  authority = await TimeStampAuthority.start();
});
afterAll(async () => {
  await authority?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** What stands between the root and the signer, from above. */
const CHAINS: readonly (readonly [between: readonly (Purpose | 'ended')[], isGood: boolean])[] = [
  [[], true],
  [['any-length'], true],
  [['length-0'], true],
  [['plain-ca'], true],
  [['no-usage'], true],
  [['noted-ca'], true],
  [['any-length', 'length-0'], true],
  [['length-1', 'any-length'], true],
  [['ended'], false],
  [['not-ca'], false],
  [['no-constraints'], false],
  [['no-sign'], false],
  [['unknown-ca'], false],
  [['length-0', 'any-length'], false],
  [['length-0', 'length-0'], false],
  [['length-1', 'any-length', 'any-length'], false],
  [['any-length', 'not-ca'], false],
  [['unknown-ca', 'any-length'], false],
];
const SIGNERS: readonly (readonly [Purpose, boolean])[] = [
  ['tsa', true],
  ['no-key-usage', true],
  ['commitment', true],
  ['noted', true],
  ['not-critical', false],
  ['two-purposes', false],
  ['any-purpose', false],
  ['other-purpose', false],
  ['no-purpose', false],
  ['encipherment', false],
  ['agreement', false],
  ['signing-ca', false],
  ['unknown', false],
];
/** The signer's certificate is valid in 2020. */
const TIMES = [
  ['20200601000000Z', true],
  ['20190601000000Z', false],
  ['20210601000000Z', false],
] as const;

const text = signedLog().lastSeal.text;

interface Token {
  readonly between: readonly (Purpose | 'ended')[];
  readonly signer: Purpose;
  readonly time: string;
  readonly isOfText: boolean;
  readonly isSpoiled: boolean;
  readonly isGood: boolean;
}

function tokens(): Token[] {
  const under = (chains: typeof CHAINS, signers: typeof SIGNERS): Token[] =>
    chains.flatMap(([between, isChain]) =>
      signers.flatMap(([signer, isSigner]) =>
        TIMES.flatMap(([time, isTime]) =>
          [true, false].flatMap((isOfText) =>
            [false, true].map((isSpoiled) => {
              const isGood = isChain && isSigner && isTime && isOfText && !isSpoiled;
              return { between, signer, time, isOfText, isSpoiled, isGood };
            }),
          ),
        ),
      ),
    );
  return [...under(CHAINS.slice(0, 2), SIGNERS), ...under(CHAINS.slice(2), SIGNERS.slice(0, 1))];
}

const issued = new Map<string, Promise<string>>();

/** Makes a certificate, once. @returns its name */
function certificate(purpose: Purpose | 'ended', above: string, between: readonly [string, string]): Promise<string> {
  const what = `${above} ${purpose}`;
  const name = `made-${issued.size}`;
  const made =
    issued.get(what) ??
    authority
      .certify(name, { purpose: purpose === 'ended' ? 'any-length' : purpose, by: above, between })
      .then(() => name);
  issued.set(what, made);
  return made;
}

async function replyOf(
  { between, signer, time, isOfText, isSpoiled }: Token,
  said: readonly Buffer[],
): Promise<Buffer> {
  let above = 'root';
  const chain: string[] = [];
  for (const purpose of between) {
    above = await certificate(purpose, above, ['20190101000000Z', `${purpose === 'ended' ? 2020 : 2090}0201000000Z`]);
    chain.push(readFileSync(join(authority.directory, `${above}.pem`), 'utf8'));
  }
  const name = await certificate(signer, above, ['20200101000000Z', '20210101000000Z']);
  const along = join(authority.directory, 'along.pem');
  writeFileSync(along, chain.join(''));
  const info = said[isOfText ? 0 : 1] ?? Buffer.alloc(0);
  const reply = await authority.sign(info, name, time, chain.length === 0 ? undefined : along);
  const last = reply.length - 1;
  if (isSpoiled) reply.writeUInt8(reply.readUInt8(last) ^ 1, last);
  return reply;
}

async function isOurs(): Promise<boolean> {
  try {
    await loadTimestamp(join(directory, 'it.tsr'), [authority.root]);
    return true;
  } catch (error) {
    if (isTamperError(error, 'TIMESTAMP_INVALID')) return false;
    throw error;
  }
}

async function isTheirs(time: string): Promise<boolean> {
  const at = time.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const flags = ['-CAfile', authority.root, '-attime', String(Date.parse(at) / 1000)];
  const said = authority.openssl(
    'ts',
    '-verify',
    '-data',
    join(directory, 'text'),
    '-in',
    join(directory, 'it.tsr'),
    ...flags,
  );
  return said.then(
    () => true,
    () => false,
  );
}

it('every token is judged as openssl judges it', async () => {
  writeFileSync(join(directory, 'text'), text);
  writeFileSync(join(directory, 'it.note'), signedLog().note());
  const said = [
    await authority.said(await authority.query(text)),
    await authority.said(await authority.query(`${text}x`)),
  ];
  const all = tokens();
  const good = all.filter(({ isGood }) => isGood).length;
  expect([all.length > 400, good > 10]).toEqual([true, true]);
  for (const token of someOf(all, 97)) {
    writeFileSync(join(directory, 'it.tsr'), await replyOf(token, said));
    const judged = { ours: await isOurs(), openssl: await isTheirs(token.time) };
    expect(judged, JSON.stringify(token)).toEqual({ ours: token.isGood, openssl: token.isGood });
  }
}, 600_000);
