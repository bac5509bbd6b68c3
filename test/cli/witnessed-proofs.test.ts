import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signedBody } from '../vectors/logs.ts';

/** `--witness` with a C2SP tlog-policy, and `prove` of a witnessed log. */

let folder = '';
const at = (name: string): string => join(folder, name);
const put = (name: string, text: string | Buffer): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const [w1, w2, w3, w4] = ['w1', 'w2', 'w3', 'w4'].map((name) => witnessKey(`witness.example.com/${name}`)) as [
  ReturnType<typeof witnessKey>,
  ReturnType<typeof witnessKey>,
  ReturnType<typeof witnessKey>,
  ReturnType<typeof witnessKey>,
];
const log = signedBody().close().checkpoint();
const logVkey = vkeyOf(log.origin, edKey);
const SEEN = 1_795_561_230;

/** w1 and w3 have cosigned the end, later and each in a line of its own, in a file beside the log. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'witnessed-proofs-'));
  put('audit.jsonl', log.toFiles()[0]?.bytes ?? '');
  const beside = log.fork();
  beside.lines = [];
  for (const witness of [w1, w3]) beside.checkpoint({ witnesses: [{ witness, time: SEEN }] });
  put('audit.witnessed', beside.toFiles()[0]?.bytes ?? '');
  put('signer.pub', `${logVkey}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const named = (command: string, ...args: string[]): Promise<CommandResult> =>
  runCommand([command, ...args, '--origin', log.origin, '--public-key', at('signer.pub')]);
const log3 = (): string[] => [at('audit.jsonl'), at('audit.witnessed')];

const GROUPS = `# of two organisations
log ${logVkey} https://log.example.com/
witness X1 ${w1.vkey} https://x1.example.com/witness
witness X2\t${w2.vkey}
  group X any X1 X2
witness Y1 ${w3.vkey}
witness Y2 ${w4.vkey}
group Y 1 Y1 Y2

group X-and-Y all X Y
quorum X-and-Y
`;

/** A group in a group in a group. */
function chainOf(depth: number): string {
  const groups = Array.from({ length: depth }, (_, at) => `group g${at + 1} any ${at === 0 ? 'w' : `g${at}`}\n`);
  return `witness w ${w1.vkey}\n${groups.join('')}quorum g${depth}\n`;
}

describe('a tlog-policy as --witness', () => {
  it.each([
    ['as it is', GROUPS, 0],
    ['which demands both of X', GROUPS.replace('any X1', '2 X1'), 2],
    ['which demands both of Y', GROUPS.replace('group Y 1', 'group Y all'), 2],
    ['which demands one witness', GROUPS.replace('quorum X-and-Y', 'quorum X1'), 0],
    ['of as many groups in groups as are read', chainOf(998), 0],
    ['which demands one that has not cosigned', GROUPS.replace('quorum X-and-Y', 'quorum X2'), 2],
  ])('%s: verify, prove, and verify of the proof say the same', async (_name, text, code) => {
    const policy = put('policy.txt', text);
    const verified = await named('verify', ...log3(), '--witness', policy);
    expect([verified.code, verified.stderr]).toEqual([code, '']);
    const proved = await named('prove', ...log3(), '--seq', '9', '--witness', policy);
    expect(proved.code).toBe(code);
    const unwitnessed = await named('prove', ...log3(), '--seq', '9');
    const proof = put('9.tlog-proof', Buffer.from(unwitnessed.stdout, 'latin1'));
    const alone = await named('verify', proof, '--witness', policy);
    expect(alone.code).toBe(code);
    if (code === 0) expect(proved.stdout.split('\n').sort()).toEqual(unwitnessed.stdout.split('\n').sort());
    else expect(alone.stdout).toContain('UNWITNESSED');
  });

  it('says in the report that the witnesses are in groups', async () => {
    const { stdout } = await named('verify', ...log3(), '--witness', put('policy.txt', GROUPS));
    expect(stdout).toContain('cosigned up to entry 14 by enough of 4 witnesses');
  });

  it.each([
    ['no quorum', GROUPS.replace(/quorum .*\n/, ''), 11, 'there is no quorum line'],
    ['two quorums', `${GROUPS}quorum X\n`, 12, 'a second quorum line'],
    ['a quorum of nobody', GROUPS.replace('quorum X-and-Y', 'quorum none'), 11, 'demands no cosignature'],
    ['a quorum that is not there', GROUPS.replace('quorum X-and-Y', 'quorum Z'), 11, 'no witness or group Z above'],
    ['a quorum of two names', GROUPS.replace('quorum X-and-Y', 'quorum X Y'), 11, 'one name'],
    ['a quorum above its group', `quorum X\n${GROUPS}`, 1, 'no witness or group X above'],
    ['a member below its group', GROUPS.replace('any X1 X2', 'any X1 Y1'), 5, 'no witness or group Y1 above'],
    ['a group in itself', GROUPS.replace('all X Y', 'all X X-and-Y'), 10, 'no witness or group X-and-Y above'],
    ['a member of two groups', GROUPS.replace('1 Y1 Y2', '1 Y1 X1'), 8, 'X1 is a member of a group already'],
    ['a member twice', GROUPS.replace('any X1 X2', '2 X1 X1'), 5, 'X1 is a member of a group already'],
    ['none as a member', GROUPS.replace('any X1 X2', 'any X1 none'), 5, 'no witness or group none above'],
    ['none as a name', GROUPS.replace('witness X2', 'witness none'), 4, 'the name none is taken'],
    ['a name twice', GROUPS.replace('witness X2', 'witness X1'), 4, 'the name X1 is defined above already'],
    ['one key under two names', GROUPS.replace(w2.vkey, w1.vkey), 4, 'the key of this witness stands above already'],
    [
      'one key with two names of its own',
      GROUPS.replace(w2.vkey, witnessKey('witness.example.com/again', 'witness.example.com/w1').vkey),
      4,
      'the key of this witness stands above already',
    ],
    ['a log twice', GROUPS.replace('witness X1', `log ${logVkey}\nwitness X1`), 3, 'the key of this log stands above'],
    ['the key of a log as a witness', GROUPS.replace(w2.vkey, logVkey), 4, 'signs as a log does'],
    ['the key of a witness as a log', GROUPS.replace(logVkey, w1.vkey), 2, 'type that this version does not know'],
    ['a threshold of 0', GROUPS.replace('group Y 1', 'group Y 0'), 8, 'a number from 1 to that of its members, 2'],
    ['a threshold too high', GROUPS.replace('group Y 1', 'group Y 3'), 8, 'a number from 1 to that of its members, 2'],
    ['a threshold of another form', GROUPS.replace('group Y 1', 'group Y 01'), 8, 'a number from 1'],
    ['a threshold that is signed', GROUPS.replace('group Y 1', 'group Y +1'), 8, 'a number from 1'],
    ['a group of nobody', GROUPS.replace('any X1 X2', 'any'), 5, 'at least one member'],
    ['another keyword', GROUPS.replace('witness X2', 'Witness X2'), 4, 'a line begins with'],
    ['a vkey alone', GROUPS.replace('witness X2\t', ''), 4, 'a line begins with'],
    ['no vkey', GROUPS.replace(w2.vkey, ''), 4, 'a name and a verifier key'],
    ['a spoilt vkey', GROUPS.replace(w2.vkey, w2.vkey.replace('/w2+', '/w5+')), 4, 'its id does not match'],
    ['a comment behind a definition', GROUPS.replace(w2.vkey, `${w2.vkey} # ours`), 4, 'only a URL'],
    ['something that is no URL', GROUPS.replace(w2.vkey, `${w2.vkey} ours`), 4, 'only a URL'],
    ['CR LF', GROUPS.replaceAll('\n', '\r\n'), 1, 'a control character'],
    ['a control character in a comment', GROUPS.replace('# of', '#\u0007of'), 1, 'a control character'],
    ['a byte order mark', `\ufeff${GROUPS.replace(/^#.*\n/, '')}`, 1, 'a line begins with'],
    ['another space', GROUPS.replace('witness X2\t', 'witness\u00a0X2\t'), 4, 'a line begins with'],
    ['no newline at its end', GROUPS.slice(0, -7), 11, 'the file was cut off'],
    ['more than is read', chainOf(1000), 1001, 'more than 1000 definitions'],
  ])('with %s is refused, with its place: exit code 2', async (_name, text, line, says) => {
    const policy = put('wrong.txt', text);
    const { code, stdout, stderr } = await named('verify', ...log3(), '--witness', policy);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${policy}:${line}: `);
    expect(stderr).toContain(says);
  });

  it.each([
    ['a second --witness', ['--witness', w4.vkey]],
    ['a number of cosignatures', ['--cosignatures', '1']],
  ])('says itself what is enough, so that %s is refused: exit code 64', async (_name, flags) => {
    const result = await named('verify', ...log3(), '--witness', put('policy.txt', GROUPS), ...flags);
    expect([result.code, result.stdout]).toEqual([64, '']);
    expect(result.stderr).toContain('a tlog-policy says itself which witnesses are enough');
  });

  it('names no single witness for the witness command: exit code 64', async () => {
    const flags = ['--url', 'http://127.0.0.1:1', '--out', at('out'), '--witness', put('policy.txt', GROUPS)];
    const result = await runCommand(['witness', at('audit.jsonl'), '--origin', log.origin, ...flags]);
    expect([result.code, result.stderr.includes('one witness at a time')]).toEqual([64, true]);
  });
});

describe('a tlog-policy in a policy', () => {
  const policy = (members: string): string =>
    put(
      'policy.yaml',
      `version: 1\nstreams:\n  - origin: ${log.origin}\n    keys: [{ sign: "${logVkey}" }]\n    ${members}\n`,
    );

  it.each([
    [GROUPS, 0],
    [GROUPS.replace('any X1', '2 X1'), 2],
  ])('%#: is read beside it, and counts for its stream', async (text, code) => {
    put('groups.txt', text);
    const verified = await runCommand(['verify', ...log3(), '--policy', policy('witnesses: groups.txt')]);
    expect([verified.code, verified.stderr]).toEqual([code, '']);
    const proved = await runCommand(['prove', ...log3(), '--seq', '3', '--policy', policy('witnesses: groups.txt')]);
    expect(proved.code).toBe(code);
  });

  it.each([
    ['witnesses: nowhere.txt', 'nowhere.txt', 2],
    ['witnesses: wrong.txt', 'wrong.txt:1: ', 2],
    ['witnesses: groups.txt\n    cosignatures: 1', 'leave out cosignatures', 64],
  ])('that cannot be read, or is counted as well, is refused: %s', async (members, says, code) => {
    put('wrong.txt', 'witnesses\n');
    put('groups.txt', GROUPS);
    const result = await runCommand(['verify', ...log3(), '--policy', policy(members)]);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr).toContain(says);
  });
});
