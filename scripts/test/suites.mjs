// The planned back-end suites: which tests they are, what they need on the machine, how to count what ran.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { cargoVersion } from '../lib/cargo.mjs';

/** Whether a program is on the path. It is not started: some take seconds to say which version they are. */
const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => [name, `${name}.exe`, `${name}.cmd`].some((file) => existsSync(join(folder, file))));

/** Python interpreters by name, and those that pyenv keeps without putting them on the path. */
const pythons = () => {
  const kept = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(kept) ? readdirSync(kept).map((version) => join(kept, version, 'bin', 'python3')) : [];
  return ['python3', ...Array.from({ length: 6 }, (_, i) => `python3.${15 - i}`), ...versions];
};

/** The newest minor version of a Python 3 that has venv. */
let newestPython;
const pythonAtLeast = (minor) => {
  newestPython ??= Math.max(
    ...pythons().map((name) => {
      const { stdout, status } = spawnSync(name, ['-c', 'import sys, venv; print(sys.version_info.minor)'], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      return status === 0 ? Number(stdout) : 0;
    }),
  );
  return newestPython >= minor;
};

const javaAtLeast = (major) => {
  const { stderr = '' } = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 20_000 });
  return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0) >= major;
};

/** Chromium under any of its names, or what it takes to install it (test/browser/chromium.ts). */
const chromium = () =>
  ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].some(onPath) ||
  (process.getuid?.() === 0 && onPath('apt-get'));

/** Where Debian and others put SoftHSM 2. */
export const softhsmLibrary = () =>
  ['/usr/lib/softhsm', '/usr/lib64/softhsm', '/usr/local/lib/softhsm', '/opt/homebrew/lib/softhsm']
    .map((folder) => join(folder, 'libsofthsm2.so'))
    .find((path) => existsSync(path));

/** SoftHSM 2, and the tools that make tokens and keys. */
export const hasSoftHsm = () => softhsmLibrary() !== undefined && onPath('softhsm2-util') && onPath('pkcs11-tool');
const softhsm = () => hasSoftHsm() || (process.getuid?.() === 0 && onPath('apt-get'));

const cargoAtLeast = (minor) => Number(/^cargo 1\.(\d+)/.exec(cargoVersion() ?? '')?.[1] ?? 0) >= minor;

/** What a suite may need from the machine, by the name that messages use. */
export const tools = {
  'Python >= 3.8 with venv': () => pythonAtLeast(8),
  'Python >= 3.10 with venv': () => pythonAtLeast(10),
  'Python >= 3.13 with venv': () => pythonAtLeast(13),
  'Rust (cargo >= 1.88)': () => cargoAtLeast(88),
  Go: () => onPath('go'),
  OpenSSH: () => onPath('ssh-agent'),
  openssl: () => onPath('openssl'),
  'Java >= 17': () => javaAtLeast(17),
  Maven: () => onPath('mvn'),
  'redis-server': () => onPath('redis-server'),
  bash: () => process.platform !== 'win32' && onPath('bash'), // there it may be that of a Linux beside it
  zsh: () => onPath('zsh'),
  fish: () => onPath('fish'),
  mandoc: () => onPath('mandoc'),
  'Chromium (or apt-get as root)': chromium,
  'SoftHSM 2 and OpenSC (or apt-get as root)': softhsm,
  'a C++ compiler': () => onPath('c++') && onPath('make'),
};

/**
 * `files`: globs of the test files that belong to the suite. They are left out where the machine lacks what they `needs`.
 * `servers`: those that run before the tests; `packages`: what else is installed before them (test/servers/servers.ts).
 * `counts`, for tests that are no files of their own: matches "path > describe > title" of them.
 */
export const suites = [
  {
    name: 'vault/openbao',
    files: ['test/integration/vault/**'],
    needs: ['Python >= 3.10 with venv'],
    servers: ['openbao'],
    packages: ['the package, compiled', 'other Node.js'],
  },
  {
    name: 'aws-ministack',
    files: ['test/integration/aws-kms/ministack*', 'test/integration/aws-s3/**'],
    needs: ['Python >= 3.10 with venv'],
    servers: ['ministack'],
  },
  {
    name: 'aws-moto',
    files: ['test/integration/aws-kms/moto*'],
    needs: ['Python >= 3.10 with venv'],
    servers: ['moto'],
  },
  {
    name: 'aws-localstack',
    files: ['test/integration/aws-kms/localstack*', 'test/integration/aws-kms/refused-hand-over*'],
    needs: ['Python >= 3.13 with venv'],
    servers: ['localstack'],
    packages: ['the package, compiled'],
  },
  { name: 'aws faults', files: ['test/integration/aws-kms/faults*'], needs: [] },
  {
    name: 'all key services',
    files: ['test/integration/all-services/**'],
    needs: ['Python >= 3.13 with venv'],
    servers: ['localstack', 'ministack', 'openbao', 'gcp-kms', 'azure-keyvault'],
    packages: ['the package, compiled'],
  },
  {
    name: 'kafka',
    files: ['test/integration/kafka/**'],
    needs: ['Java >= 17', 'Maven'],
    servers: ['kafka'],
    packages: ['the package, compiled', 'other Node.js', 'newer kafka client'],
  },
  {
    name: 'gcp',
    files: ['test/integration/gcp-kms/**', 'test/servers/gcp-kms/**'],
    needs: [],
    servers: ['gcp-kms'],
    packages: ['the package, compiled'],
  },
  {
    name: 'azure',
    files: ['test/integration/azure-keyvault/**', 'test/servers/azure-keyvault/**'],
    needs: [],
    servers: ['azure-keyvault'],
    packages: ['the package, compiled'],
  },
  {
    name: 'pkcs11-softhsm',
    files: ['test/integration/pkcs11/**'],
    needs: ['SoftHSM 2 and OpenSC (or apt-get as root)', 'a C++ compiler', 'Python >= 3.8 with venv'],
    packages: ['softhsm', 'the package, compiled'],
  },
  {
    name: 'all object stores',
    files: ['test/integration/storage/commands*', 'test/audit/manipulations*'],
    needs: ['Python >= 3.10 with venv', 'Go'],
    servers: ['moto', 'fake-gcs', 'azurite'],
  },
  { name: 'redis', files: ['test/integration/redis/**'], needs: ['redis-server'] },
  {
    name: 'storage-s3',
    files: ['test/integration/storage/moto*'],
    needs: ['Python >= 3.10 with venv'],
    servers: ['moto'],
  },
  { name: 'storage-gcs', files: ['test/integration/storage/fake-gcs*'], needs: ['Go'], servers: ['fake-gcs'] },
  { name: 'storage-azure', files: ['test/integration/storage/azur*'], needs: [], servers: ['azurite'] },
  {
    name: 'litewitness',
    files: ['test/integration/litewitness*'],
    needs: ['Go', 'OpenSSH', 'Python >= 3.8 with venv'],
    packages: ['litewitness'],
  },
  {
    name: 'server launchers',
    files: ['test/servers/launchers*'],
    needs: ['Python >= 3.13 with venv'],
    packages: ['localstack', 'ministack', 'moto'],
  },
  { name: 'fault proxies', files: ['test/servers/fault-proxy*'], needs: [] },
  {
    name: 'native engine',
    files: ['test/engine/native*'],
    needs: ['Rust (cargo >= 1.88)'],
  },
  {
    name: 'go interop',
    files: ['test/interop/go*', 'test/interop/go/**'],
    needs: ['Go'],
    counts: /^test\/interop\/.*\bgo\b/i,
  },
  { name: 'receipts interop', files: ['test/interop/receipts*'], needs: ['Go', 'Python >= 3.10 with venv'] },
  { name: 'openssl interop', files: ['test/interop/openssl*'], needs: ['openssl'] },
  { name: 'python interop', files: ['test/interop/python*'], needs: ['Python >= 3.8 with venv'] },
  {
    name: 'browser',
    files: ['test/browser/**'],
    needs: ['Chromium (or apt-get as root)'],
    packages: ['chromium'],
  },
  { name: 'completion in bash', files: ['test/cli/completion/bash*'], needs: ['bash'] },
  { name: 'completion in zsh', files: ['test/cli/completion/zsh*'], needs: ['zsh'] },
  { name: 'completion in fish', files: ['test/cli/completion/fish*'], needs: ['fish'] },
  { name: 'manual pages', files: ['test/cli/manual*'], needs: ['mandoc'] },
  { name: 'memory', files: [], needs: [], counts: /^test\/(testing|providers|keys)\/.*\bmemory\b/i },
  { name: 'env', files: [], needs: [], counts: /^test\/providers\/.*\benv\b/i },
  { name: 'file', files: [], needs: [], counts: /^test\/providers\/.*\bfile\b/i },
];

const patterns = new Map(
  suites.map((suite) => [
    suite,
    suite.files.map(
      (glob) =>
        new RegExp(`^${glob.replace(/\./g, '\\.').replace(/\*\*|\*/g, (star) => (star === '*' ? '[^/]*' : '.*'))}$`),
    ),
  ]),
);

/** The suites that a test file belongs to, by its path in the tree: one, or none for tests that need nothing. */
export function suitesOf(path) {
  return suites.filter((suite) => patterns.get(suite).some((pattern) => pattern.test(path)));
}

/** What must be installed and which servers must run before these test files. */
export function neededBy(paths) {
  const used = new Set(paths.flatMap(suitesOf));
  const all = (of) => [...new Set([...used].flatMap((suite) => suite[of] ?? []))];
  return { servers: all('servers'), packages: all('packages') };
}

/** Of these test files, those that cannot run here, each with its suite and the tools that the machine lacks. */
export function leftOutOf(paths, unavailable = unavailableSuites()) {
  return paths.flatMap((path) =>
    unavailable
      .filter(({ suite }) => suitesOf(path).includes(suite))
      .map(({ suite, lacks }) => ({ path, suite, lacks })),
  );
}

/** The suites that this machine cannot run, each with the tools it lacks. `present`: whether it has a tool. */
export function unavailableSuites(present = isPresent) {
  return suites
    .map((suite) => ({ suite, lacks: suite.needs.filter((name) => !present(name)) }))
    .filter(({ suite, lacks }) => lacks.length > 0 && suite.files.length > 0);
}

// Vitest loads its configuration, and with it this module, once for each project: a process asks for each tool once.
const shared = Symbol.for('fapilog-tamper.tools');
globalThis[shared] ??= new Map();
const asked = globalThis[shared];

function isPresent(name) {
  if (!asked.has(name)) asked.set(name, tools[name]());
  return asked.get(name);
}

/** How many tests of each suite passed, from a report of vitest's json reporter. */
export function countBySuite(report, root) {
  const counts = new Map(suites.map((suite) => [suite.name, 0]));
  for (const file of report.testResults) {
    const path = file.name.startsWith(root) ? file.name.slice(root.length) : file.name;
    for (const test of file.assertionResults) {
      if (test.status !== 'passed') continue;
      const id = [path, ...test.ancestorTitles, test.title].join(' > ');
      for (const suite of suites) {
        const belongs = suite.counts?.test(id) ?? suitesOf(path).includes(suite);
        if (belongs) counts.set(suite.name, counts.get(suite.name) + 1);
      }
    }
  }
  return counts;
}
