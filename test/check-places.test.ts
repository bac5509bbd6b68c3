import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkPlaces } from '../src/check-places.ts';
import { resolveConfig } from '../src/config/index.ts';

function outcomes(file: string, stateDir: string): unknown {
  const { config } = resolveConfig({ code: { file, stateDir } });
  return Object.fromEntries(checkPlaces(config).map(({ name, outcome }) => [name, outcome]));
}

it('says where a log or its state cannot be written', () => {
  const directory = mkdtempSync(join(tmpdir(), 'places-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const at = (...parts: string[]): string => join(directory, ...parts);
  mkdirSync(at('state'));
  writeFileSync(at('log.jsonl'), '');
  writeFileSync(at('plain'), '');
  expect(outcomes(at('log.jsonl'), at('state'))).toEqual({ file: 'ok', state_dir: 'ok' });
  expect(outcomes(at('new-{pid}.jsonl'), at('made', 'at', 'start'))).toEqual({ file: 'ok', state_dir: 'ok' });
  expect(outcomes('-', at('state'))).toEqual({ state_dir: 'ok' });
  expect(outcomes(at('nowhere', 'log.jsonl'), at('plain'))).toEqual({ file: 'failed', state_dir: 'failed' });
  expect(outcomes(at('state'), at('plain', 'below'))).toEqual({ file: 'failed', state_dir: 'failed' });
  if (process.getuid?.() === 0) return; // who may do everything is refused nothing
  chmodSync(at('state'), 0o500);
  chmodSync(at('log.jsonl'), 0o400);
  expect(outcomes(at('log.jsonl'), at('state'))).toEqual({ file: 'failed', state_dir: 'failed' });
  chmodSync(at('state'), 0o700);
});
