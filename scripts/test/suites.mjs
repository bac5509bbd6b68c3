// The planned back-end suites: which tests they are, what they need on the machine, how to count what ran.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cargoVersion } from '../lib/cargo.mjs';

const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;

/** Python interpreters by name, and those that pyenv keeps without putting them on the path. */
const pythons = () => {
  const kept = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(kept) ? readdirSync(kept).map((version) => join(kept, version, 'bin', 'python3')) : [];
  return ['python3', ...Array.from({ length: 6 }, (_, i) => `python3.${15 - i}`), ...versions];
};

const pythonAtLeast = (minor) => {
  const check = `import sys, venv; sys.exit(sys.version_info < (3, ${minor}))`;
  return pythons().some((name) => succeeds(name, ['-c', check]));
};

const javaAtLeast = (major) => {
  const { stderr = '' } = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 20_000 });
  return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0) >= major;
};

/** Chromium under any of its names, or what it takes to install it (test/browser/chromium.ts). */
const chromium = () =>
  ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].some((name) =>
    succeeds(name, ['--version']),
  ) ||
  (process.getuid?.() === 0 && succeeds('apt-get', ['--version']));

const cargoAtLeast = (minor) => Number(/^cargo 1\.(\d+)/.exec(cargoVersion() ?? '')?.[1] ?? 0) >= minor;

/** What a suite may need from the machine, by the name that messages use. */
export const tools = {
  'Python >= 3.8 with venv': () => pythonAtLeast(8),
  'Python >= 3.10 with venv': () => pythonAtLeast(10),
  'Python >= 3.13 with venv': () => pythonAtLeast(13),
  'Rust (cargo >= 1.88)': () => cargoAtLeast(88),
  Go: () => succeeds('go', ['version']),
  OpenSSH: () => succeeds('ssh-agent', ['true']),
  openssl: () => succeeds('openssl', ['version']),
  'Java >= 17': () => javaAtLeast(17),
  Maven: () => succeeds('mvn', ['--version']),
  'redis-server': () => succeeds('redis-server', ['--version']),
  'Chromium (or apt-get as root)': chromium,
};

/**
 * `files`: the test files that cannot run without `needs` (none: the suite runs everywhere).
 * `counts`: matches "path > describe > title" of the tests that belong to it; the first suite that matches has the test.
 */
export const suites = [
  {
    name: 'vault/openbao',
    files: ['test/integration/vault/**', 'test/integration/vault*.test.ts'],
    needs: ['Python >= 3.10 with venv'],
    counts: /^test\/integration\/(vault|openbao)/i,
  },
  {
    name: 'aws-ministack',
    files: ['test/integration/aws-kms/ministack*.test.ts', 'test/integration/aws-s3/**'],
    needs: ['Python >= 3.10 with venv'],
    counts: /^test\/integration\/aws.*ministack/i,
  },
  {
    name: 'aws-moto',
    files: ['test/integration/aws-kms/moto*.test.ts'],
    needs: ['Python >= 3.10 with venv'],
    counts: /^test\/integration\/aws.*moto/i,
  },
  {
    name: 'aws-localstack',
    files: ['test/integration/aws-kms/localstack*.test.ts', 'test/servers/launchers.test.ts'],
    needs: ['Python >= 3.13 with venv'],
    counts: /^test\/integration\/aws/i,
  },
  {
    name: 'all key services',
    files: ['test/integration/all-services/**'],
    needs: ['Python >= 3.13 with venv'],
    counts: /^test\/integration\/all-services/i,
  },
  {
    name: 'kafka',
    files: ['test/integration/kafka/**'],
    needs: ['Java >= 17', 'Maven'],
    counts: /^test\/integration\/kafka/i,
  },
  { name: 'gcp', files: [], needs: [], counts: /^test\/integration\/(gcp|google)/i },
  { name: 'azure', files: [], needs: [], counts: /^test\/integration\/azure/i },
  {
    name: 'storage commands',
    files: ['test/integration/storage/commands.test.ts'],
    needs: ['Python >= 3.10 with venv', 'Go'],
    counts: /^test\/integration\/storage\/commands/,
  },
  {
    name: 'redis',
    files: ['test/integration/redis/**'],
    needs: ['redis-server'],
    counts: /^test\/integration\/redis\//,
  },
  {
    name: 'storage-s3',
    files: ['test/integration/storage/moto*.test.ts'],
    needs: ['Python >= 3.10 with venv'],
    counts: /^test\/integration\/storage\/moto/,
  },
  {
    name: 'storage-gcs',
    files: ['test/integration/storage/fake-gcs*.test.ts'],
    needs: ['Go'],
    counts: /^test\/integration\/storage\/fake-gcs/,
  },
  { name: 'storage-azure', files: [], needs: [], counts: /^test\/integration\/storage\/azur/ },
  {
    name: 'litewitness',
    files: ['test/integration/litewitness*.test.ts'],
    needs: ['Go', 'OpenSSH', 'Python >= 3.8 with venv'],
    counts: /^test\/integration\/litewitness/i,
  },
  {
    name: 'native engine',
    files: ['test/engine/native*.test.ts'],
    needs: ['Rust (cargo >= 1.88)'],
    counts: /^test\/engine\/native/,
  },
  {
    name: 'go interop',
    files: ['test/interop/go*.test.ts', 'test/interop/go/**'],
    needs: ['Go'],
    counts: /^test\/interop\/.*\bgo\b/i,
  },
  {
    name: 'openssl interop',
    files: ['test/interop/openssl*.test.ts'],
    needs: ['openssl'],
    counts: /^test\/interop\/.*openssl/i,
  },
  {
    name: 'python interop',
    files: ['test/interop/python*.test.ts'],
    needs: ['Python >= 3.8 with venv'],
    counts: /^test\/interop\/.*python/i,
  },
  {
    name: 'browser',
    files: ['test/browser/**'],
    needs: ['Chromium (or apt-get as root)'],
    counts: /^test\/browser\//,
  },
  { name: 'memory', files: [], needs: [], counts: /^test\/(testing|providers|keys)\/.*\bmemory\b/i },
  { name: 'env', files: [], needs: [], counts: /^test\/providers\/.*\benv\b/i },
  { name: 'file', files: [], needs: [], counts: /^test\/providers\/.*\bfile\b/i },
];

/** The suites that this machine cannot run, each with the tools it lacks. */
export function unavailableSuites() {
  const asked = new Map();
  const present = (name) => {
    if (!asked.has(name)) asked.set(name, tools[name]());
    return asked.get(name);
  };
  return suites
    .map((suite) => ({ suite, lacks: suite.needs.filter((name) => !present(name)) }))
    .filter(({ suite, lacks }) => lacks.length > 0 && suite.files.length > 0);
}

/** How many tests of each suite passed, from a report of vitest's json reporter. */
export function countBySuite(report, root) {
  const counts = new Map(suites.map((suite) => [suite.name, 0]));
  for (const file of report.testResults) {
    const path = file.name.startsWith(root) ? file.name.slice(root.length) : file.name;
    for (const test of file.assertionResults) {
      if (test.status !== 'passed') continue;
      const id = [path, ...test.ancestorTitles, test.title].join(' > ');
      const suite = suites.find((candidate) => candidate.counts.test(id));
      if (suite) counts.set(suite.name, counts.get(suite.name) + 1);
    }
  }
  return counts;
}
