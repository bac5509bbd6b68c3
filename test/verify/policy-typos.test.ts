import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isTamperError, loadPolicy } from '../../src/index.ts';

/** A policy with a mistake is refused, and the message says where it is and what may stand there. */

const folder = mkdtempSync(join(tmpdir(), 'policy-typos-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Tree = { readonly [name: string]: unknown };

const stream: Tree = {
  origin: 'audit.example.com/a',
  min: 1,
  records: 'mac',
  require: ['mac'],
  keys: [],
  pins: [],
  start: 'whole',
  end: 'live',
  manifest: 'required',
  accept: {
    adopted: 1,
    abandoned: 1,
    recovery_gap_seconds: 1,
    restarts: 'keyed',
    dropped: 1,
    successors: true,
  },
};
const policy: Tree = { version: 1, streams: [stream] };

async function problemOf(given: unknown): Promise<string | undefined> {
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, JSON.stringify(given));
  try {
    await loadPolicy(path);
    return undefined;
  } catch (error) {
    if (!isTamperError(error, 'POLICY_INVALID')) throw error;
    return error.message.slice(path.length + 2);
  }
}

/** Each object of the policy: its members, where it stands, and the policy with another object there. */
const objects: readonly [Tree, string, (other: Tree) => Tree][] = [
  [policy, '', (other) => other],
  [stream, 'streams[0].', (other) => ({ ...policy, streams: [other] })],
  [stream['accept'] as Tree, 'streams[0].accept.', (other) => ({ ...policy, streams: [{ ...stream, accept: other }] })],
];
const members = objects.flatMap(([tree, at, within]) =>
  Object.keys(tree).map((name) => [`${at}${name}`, { tree, at, within, name }] as const),
);

it('a policy without a mistake is taken', async () => {
  expect(await problemOf(policy)).toBeUndefined();
});

it.each(members)('%s misspelled is named, with the members that exist', async (_what, one) => {
  const { tree, at, within, name } = one;
  const misspelled = `${name}s`;
  const { [name]: value, ...others } = tree;
  const problem = await problemOf(within({ ...others, [misspelled]: value }));
  expect(problem?.split('; ')[0]).toBe(`${at}${misspelled}: this member does not exist`);
  expect(problem?.split(/; those here are |, /)).toContain(name);
});

it.each([
  ['version', { streams: [stream] }, 'version: this member is missing'],
  ['streams', { version: 1 }, 'streams: this member is missing'],
  ['an origin', { version: 1, streams: [{ min: 1 }] }, 'streams[0].origin: this member is missing'],
])('%s that is missing is named', async (_what, given, problem) => {
  expect(await problemOf(given)).toBe(problem);
});

it.each([
  ['a choice', { require: ['signed'] }, 'require[0]: must be one of mac, signature, post-quantum'],
  ['a list', { keys: 'one' }, 'keys: must be a list'],
  ['an object', { accept: 'all' }, 'accept: must be an object'],
  ['a text', { origin: 5 }, 'origin: must be text'],
  ['no text', { keys: [{ sign: '' }] }, 'keys[0].sign: must not be empty'],
  ['a number', { min: -1 }, 'min: must be at least 0'],
  [
    'a key',
    { keys: [{ wrp: 'x' }] },
    'keys[0]: a key is { wrap: NAME }, with source if its name does not say it, or { sign: VERIFIER KEY }',
  ],
])('%s that is wrong is named, with what may stand there', async (_what, wrong, problem) => {
  expect(await problemOf({ version: 1, streams: [{ ...stream, ...wrong }] })).toContain(`streams[0].${problem}`);
});

it('a name that may be a key is not shown', async () => {
  const name = 'ab'.repeat(32);
  const problem = await problemOf({ version: 1, streams: [{ ...stream, [name]: 1 }] });
  expect(problem).toMatch(/^streams\[0\]\.\(a name that is not shown\): this member does not exist; those here are /);
  expect(problem).not.toContain(name);
});
