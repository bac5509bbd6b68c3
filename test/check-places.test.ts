import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runCommand } from './support/command-line.ts';

async function outcomes(file: string, stateDir: string): Promise<unknown> {
  const flags = ['--file', file, '--state-dir', stateDir, '--origin', 'audit.example.com/places-{pid}'];
  const { stdout } = await runCommand(['doctor', '--format', 'json', ...flags]);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; outcome: string }[] };
  const places = checks.filter(({ name }) => name === 'file' || name === 'state_dir');
  return Object.fromEntries(places.map(({ name, outcome }) => [name, outcome]));
}

it('says where a log or its state cannot be written', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'places-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const at = (...parts: string[]): string => join(directory, ...parts);
  mkdirSync(at('state'));
  writeFileSync(at('log.jsonl'), '');
  writeFileSync(at('plain'), '');
  expect(await outcomes(at('log.jsonl'), at('state'))).toEqual({ file: 'ok', state_dir: 'ok' });
  expect(await outcomes(at('new-{pid}.jsonl'), at('made', 'at', 'start'))).toEqual({ file: 'ok', state_dir: 'ok' });
  expect(await outcomes('-', at('state'))).toEqual({ state_dir: 'ok' });
  expect(await outcomes(at('nowhere', 'log.jsonl'), at('state'))).toEqual({ file: 'ok', state_dir: 'ok' }); // a start makes it
  expect(await outcomes(at('plain', 'log.jsonl'), at('plain'))).toEqual({ file: 'failed', state_dir: 'failed' });
  expect(await outcomes(at('state'), at('plain', 'below'))).toEqual({ file: 'failed', state_dir: 'failed' });
  if (process.getuid?.() === 0) return; // who may do everything is refused nothing
  chmodSync(at('state'), 0o500);
  chmodSync(at('log.jsonl'), 0o400);
  expect(await outcomes(at('log.jsonl'), at('state'))).toEqual({ file: 'failed', state_dir: 'failed' });
  chmodSync(at('state'), 0o700);
});
