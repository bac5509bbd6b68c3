import { readdirSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { leftOutOf, neededBy, suites, suitesOf, tools, unavailableSuites } from '../../scripts/test/suites.mjs';

const tree = fileURLToPath(new URL('../../', import.meta.url));
const testFiles = readdirSync(`${tree}test`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name.replaceAll(sep, '/')}`);
const withServers = testFiles.filter((path) => /^test\/(?:integration|servers|browser)\//.test(path));

describe('the suites of the tests that need something', () => {
  it('have every test file of an integration, a server or a browser, each in exactly one', () => {
    const wrong = withServers.map((path) => [path, suitesOf(path).length] as const).filter(([, count]) => count !== 1);
    expect(wrong).toEqual([]);
    expect(withServers.length).toBeGreaterThan(50);
  });

  it('have no test file twice, and no glob that matches nothing', () => {
    expect(testFiles.filter((path) => suitesOf(path).length > 1)).toEqual([]);
    for (const { name, files } of suites) {
      expect([
        name,
        files.length === 0 || testFiles.some((path) => suitesOf(path).some((one) => one.name === name)),
      ]).toEqual([name, true]);
    }
  });

  it('name a tool that a machine may lack by a name that can be asked for', () => {
    const known = Object.keys(tools);
    for (const { needs } of suites) for (const tool of needs) expect(known).toContain(tool);
  });

  it('start what the selected files need and nothing else', () => {
    expect(neededBy(['test/integration/vault/approle.test.ts'])).toMatchObject({ servers: ['openbao'] });
    expect(neededBy(['test/integration/redis/queue.test.ts', 'test/errors.test.ts'])).toEqual({
      servers: [],
      packages: [],
    });
    expect(neededBy(withServers).servers).toContain('kafka');
  });
});

describe('what a machine cannot run', () => {
  it.each(Object.keys(tools))('is named file by file, with the tool: %s', (tool) => {
    const unavailable = unavailableSuites((name) => name !== tool);
    const left = leftOutOf(testFiles, unavailable);
    const needing = suites.filter(({ needs }) => needs.includes(tool)).map(({ name }) => name);
    expect([...new Set(left.map(({ suite }) => suite.name))].sort()).toEqual(needing.sort());
    for (const { path, suite, lacks } of left) {
      expect(suitesOf(path)).toEqual([suite]);
      expect(lacks).toEqual([tool]);
    }
    const silent = testFiles.filter(
      (path) => suitesOf(path).some(({ name }) => needing.includes(name)) && !left.some((one) => one.path === path),
    );
    expect(silent).toEqual([]);
  });
});
