import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand } from '../../support/command-line.ts';
import { helpedCommands } from '../helped.ts';

/** What a shell makes of a command line at the TAB key, if one completion is possible: the same in every shell. */
export const COMPLETED: readonly (readonly [typed: string, word: string])[] = [
  ['verif', 'verify'],
  ['pol', 'policy'],
  ['keys sh', 'show'],
  ['audit enq', 'enqueue'],
  ['help keyg', 'keygen'],
  ['help keys rec', 'recover'],
  ['completion fi', 'fish'],
  ['verify --pol', '--policy'],
  ['verify first.jsonl --quiet --acc', '--accept-successors'],
  ['audit work --until', '--until-done'],
  ['keys show --unw', '--unwrap'],
  ['seal --fsync-on-w', '--fsync-on-write'],
  ['seal --key-source az', 'azure-keyvault'],
  ['seal --on-state-conflict n', 'new_stream'],
  ['verify --format j', 'json'],
  ['verify --format=j', 'json'],
  ['verify --unwrap d', 'docker'],
  ['keygen --algorithm ML-DSA-6', 'ML-DSA-65'],
  ['verify --keys first.k', 'first.key'],
  ['verify --policy=first.j', 'first.jsonl'],
  ['verify first.j', 'first.jsonl'],
  ['recover first.j', 'first.jsonl'],
  ['verify --state fo', 'folder/'],
  ['doctor --state-dir fo', 'folder/'],
];

/** What no shell completes: a command that takes no file, a value that only the user knows, flags of another command. */
export const NOT_COMPLETED: readonly string[] = [
  'keygen first.j',
  'verify --origin fir',
  'keys show --pol',
  'help seal fir',
  'nonsense fir',
];

/** A folder with the files that the command lines name, and the script of a shell in it. */
export async function folderWithScript(shell: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `completion-${shell}-`));
  mkdirSync(join(folder, 'folder'));
  for (const name of ['first.jsonl', 'first.key', 'folder-like.txt']) writeFileSync(join(folder, name), '');
  const { code, stdout, stderr } = await runCommand(['completion', shell]);
  expect([code, stderr]).toEqual([0, '']);
  writeFileSync(join(folder, 'script'), stdout);
  return folder;
}

/** After `COMMAND --` a shell offers every flag of the command, and the options of the configuration where it takes them. */
export async function checkFlags(offered: (typed: readonly string[]) => readonly (readonly string[])[]): Promise<void> {
  const commands = await helpedCommands();
  const found = offered(commands.map(({ name }) => `${name} --`));
  expect(commands.length).toBeGreaterThan(20);
  for (const [at, { flags, takesConfig }] of commands.entries()) {
    expect(found[at]).toEqual(expect.arrayContaining(flags.map((flag) => flag.split(' ', 1).join())));
    expect(found[at]).toContain('--help');
    expect(found[at]?.includes('--key-source')).toBe(takesConfig);
    expect(found[at]).not.toContain('--vault-token'); // refused on a command line
  }
}
