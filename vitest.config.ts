import { readFileSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { filesBelow } from './scripts/lib/files.mjs';
// What this machine cannot run is left out here, so that a bare `vitest run` behaves like `npm test`.
import { unavailableSuites } from './scripts/test/suites.mjs';

const unavailable = unavailableSuites().map(({ suite }) => suite);
const leftOut = process.env.CI === 'true' ? [] : unavailable.flatMap(({ files }) => files);
/** A test file of the nightly tier: it takes longer than people wait for, or repeats on more emulators, seeds or browsers. */
const NIGHTLY = ['test/**/*.nightly.test.ts'];
const SERVERS = ['test/integration/**/*.test.ts', 'test/servers/**/*.test.ts'];
/** What both engines must agree on: a part on every change, the rest at night. */
const BOTH_ENGINES = ['test/engine/native*.test.ts', 'test/vectors/vectors.test.ts', 'test/**/samples.test.ts'];
const BOTH_ENGINES_NIGHTLY = [
  'test/attacks/**/*.test.ts',
  'test/vectors/vectors.test.ts',
  'test/verify/parallel-reading.test.ts',
];
/**
 * What replaces or watches modules or globals, measures the heap, or is told of every use of a key in its process has one of its
 * own. All other files share theirs.
 */
const NEEDS_ITS_OWN =
  /\bvi\.(mock|doMock|resetModules|stubGlobal|stubEnv)\b|\bvi\s*\.spyOn\((globalThis|JSON|process)\b|\bonKeyEvent\(|support\/(garbage|process-memory)\.ts/;
/** The vendors' SDKs and SoftHSM keep what an environment said to them once. Where these files are, their servers are started, once. */
const BY_SDK = /^test\/(integration|servers)\/(aws|azure|gcp|pkcs11|storage)/;
const files = filesBelow('test', /\.test\.ts$/);
const alone = new Set(
  files.filter((file) => BY_SDK.test(file) || NEEDS_ITS_OWN.test(readFileSync(new URL(file, import.meta.url), 'utf8'))),
);

interface Project {
  readonly name: string;
  readonly include: string[];
  readonly exclude: string[];
  readonly globalSetup?: string;
  readonly env?: Record<string, string>;
}

/** A project whose files share processes, and one for those that cannot: `--project 'unit*'` names both. */
const twice = (project: Project): TestProjectInlineConfiguration[] => [
  { extends: true, test: { ...project, isolate: false, exclude: [...project.exclude, ...alone] } },
  {
    extends: true,
    test: {
      ...project,
      name: `${project.name}, alone`,
      exclude: [...project.exclude, ...files.filter((file) => !alone.has(file))],
    },
  },
];

export default defineConfig({
  test: {
    globalSetup: './test/temporary-folder.ts',
    setupFiles: './test/environment.ts',
    passWithNoTests: false,
    // these end what hangs; nothing that a test says depends on them, however busy the machine is
    testTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    hookTimeout: 300_000,
    // whatever is built here: one engine for all tests, the other one for those that need it and for what all verifiers agree on
    env: { FAPILOG_TAMPER_ENGINE: process.env.FAPILOG_TAMPER_ENGINE ?? 'typescript' },
    // what one project transforms, the other ones read
    experimental: { fsModuleCache: true },
    maxWorkers: 6,
    projects: [
      ...twice({
        name: 'unit',
        include: ['test/**/*.test.ts'],
        exclude: [...SERVERS, ...NIGHTLY, 'test/dist/**', 'test/engine/native*.test.ts', ...leftOut],
      }),
      ...(process.env.CI !== 'true' && unavailable.some(({ name }) => name === 'native engine')
        ? []
        : [
            { name: 'native', include: BOTH_ENGINES },
            { name: 'native nightly', include: BOTH_ENGINES_NIGHTLY },
          ].flatMap(({ name, include }) =>
            twice({
              name,
              globalSetup: './test/engine/native-build.ts',
              env: { FAPILOG_TAMPER_ENGINE: 'native' },
              include,
              exclude: NIGHTLY,
            }),
          )),
      ...twice({
        name: 'integration',
        globalSetup: './test/servers/shared.ts',
        include: SERVERS,
        exclude: [...NIGHTLY, ...leftOut],
      }),
      {
        extends: true,
        test: {
          name: 'nightly',
          globalSetup: './test/servers/shared.ts',
          include: NIGHTLY,
          exclude: leftOut,
          maxConcurrency: 8,
          testTimeout: 900_000,
        },
      },
    ],
  },
});
