// vitest of a user, with nothing configured: each file of tests in its own module graph.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Project, sealAndVerify } from './project.mjs';

test('seals and verifies with real and with fake timers, in each kind of isolation', () => {
  const project = new Project();
  project.link('vitest');
  const text = `import { mkdtempSync } from 'node:fs';
import { auditorKeys, createSealer, generateKeyFile, isTamperError, verify } from 'fapilog-tamper';
import { TamperError } from 'fapilog-tamper/errors';
import { afterEach, expect, test, vi } from 'vitest';
${sealAndVerify}
afterEach(() => vi.useRealTimers());
test('real timers', async () => {
  expect(await sealAndVerify(mkdtempSync('audit-'))).toBe('ok');
});
test('fake timers', async () => {
  vi.useFakeTimers({ now: 0 });
  expect(await sealAndVerify(mkdtempSync('audit-'))).toBe('ok');
});
test('modules loaded anew', async () => {
  vi.resetModules();
  const { createSealer: again } = await import('fapilog-tamper');
  expect(() => again({ file: 'audit.jsonl', origin: '' })).toThrow(TamperError);
  expect(isTamperError(new TamperError('INTERNAL', 'x'), 'INTERNAL')).toBe(true);
});
`;
  project.write('one.test.mjs', text);
  project.write('two.test.mjs', text);
  for (const pool of ['forks', 'threads', 'vmThreads']) {
    const result = project.run([project.path('node_modules/vitest/vitest.mjs'), 'run', '--pool', pool], {
      env: { NO_COLOR: '1' },
    });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /Tests +6 passed \(6\)/);
  }
});
