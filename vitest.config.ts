import { defineConfig } from 'vitest/config';
// What this machine cannot run is left out here, so that a bare `vitest run` behaves like `npm test`.
import { unavailableSuites } from './scripts/suites.mjs';

const unavailable = unavailableSuites().map(({ suite }) => suite.name);
const leftOut = process.env.CI === 'true' ? [] : unavailableSuites().flatMap(({ suite }) => suite.files);

export default defineConfig({
  test: {
    globalSetup: './test/temporary-folder.ts',
    passWithNoTests: false,
    // these end what hangs; nothing that a test says depends on them, however busy the machine is
    testTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    hookTimeout: 120_000,
    // whatever is built here: one engine for all tests, the other one for those that need it and for what all verifiers agree on
    env: { FAPILOG_TAMPER_ENGINE: process.env.FAPILOG_TAMPER_ENGINE ?? 'typescript' },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/integration/**',
            'test/browser/**',
            'test/servers/**',
            'test/slow/**',
            'test/**/*.slow.test.ts',
            'test/dist/**',
            'test/engine/native*.test.ts',
            ...leftOut,
          ],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      ...(process.env.CI !== 'true' && unavailable.includes('native engine')
        ? []
        : [
            {
              extends: true as const,
              test: {
                name: 'native',
                globalSetup: './test/engine/native-build.ts',
                env: { FAPILOG_TAMPER_ENGINE: 'native' },
                include: [
                  'test/engine/native*.test.ts',
                  'test/vectors/vectors.test.ts',
                  'test/attacks/**/*.test.ts',
                  'test/**/samples.test.ts',
                  'test/verify/parallel-reading.test.ts',
                ],
                maxWorkers: 2,
                sequence: { groupOrder: 0 },
              },
            },
          ]),
      {
        // Each file starts servers of its own and waits for them most of the time: unit tests run meanwhile.
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/servers/**/*.test.ts', 'test/browser/**/*.test.ts'],
          exclude: ['test/**/*.slow.test.ts', ...leftOut],
          maxWorkers: 2,
          testTimeout: 60_000,
          // what the machine does to a test server is no finding about us (test/servers/azure-keyvault/start.ts)
          retry: { count: 1, condition: /^the test server does not answer/ },
          hookTimeout: 300_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Most of these wait for a process or a refusal to be over: four at a time keep two cores busy.
        extends: true,
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts', 'test/**/*.slow.test.ts'],
          exclude: leftOut,
          maxWorkers: 4,
          maxConcurrency: 8,
          testTimeout: 900_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
