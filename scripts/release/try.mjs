import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { capture, report, root } from '../lib/run.mjs';
import { programOf, RUNTIMES } from '../lib/runtimes.mjs';
import { releasedPackages } from './contents.mjs';
import { NAMED, npmTool } from './named-tools.mjs';
import { startRegistry } from './registry.mjs';

const shell = process.platform === 'win32';
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** The programs of docs/loggers.md that are tried, with what each needs. */
const LOGGERS = { 'pino-worker': 'pino@10', winston: 'winston@3', otel: '@opentelemetry/sdk-logs@0.223' };
const PACKAGES = [`fapilog-tamper@${version}`, ...Object.values(LOGGERS)];

/** What docs/loggers.md says to write into a file. */
function programOnPage(name) {
  const page = readFileSync(`${root}docs/loggers.md`, 'utf8');
  const [, program] = new RegExp(`^\`\`\`js\\n// ${name}\\.mjs\\n([^]*?)^\`\`\``, 'm').exec(page) ?? [];
  if (program === undefined) throw new Error(`docs/loggers.md has no program ${name}.mjs`);
  return program;
}

/** How a runtime installs packages, and what it is told of the registry and of where to keep what it fetches. */
function installer(name, cache) {
  if (name === 'bun') return { args: ['add', '--ignore-scripts', ...PACKAGES], env: { BUN_INSTALL_CACHE_DIR: cache } };
  if (name === 'deno') {
    return {
      // a package of today is what is tried, which Deno does not take otherwise
      args: ['add', '--minimum-dependency-age=0', ...PACKAGES.map((one) => `npm:${one}`)],
      env: { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: '1' },
    };
  }
  const npm = join(npmTool(`npm@${NAMED.npm}`), 'npm', 'bin', 'npm-cli.js');
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  return { args: [npm, 'install', ...quiet, ...PACKAGES], env: { npm_config_cache: cache } };
}

/** A user's first minutes in an empty folder: install, a key, a log of each logger, its verdict, and that of an altered copy. */
function firstOk(name, { url, folder, engine }) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(project, '.npmrc'), `registry=${url}\n`);
  const program = programOf(name);
  const { args, env: own } = installer(name, join(folder, `${name}-cache`));
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !key.startsWith('FAPILOG_TAMPER_')),
  );
  const env = {
    ...inherited,
    ...own,
    PATH: [dirname(program), process.env.PATH].join(delimiter),
    npm_config_registry: url,
    FAPILOG_TAMPER_KEY_SOURCE: 'file',
    FAPILOG_TAMPER_KEY_FILE_PATH: 'audit.key',
    ...(engine !== undefined && { FAPILOG_TAMPER_ENGINE: engine }),
  };
  const start = (argv, codes = [0]) => {
    const { status, stdout, stderr, error } = spawnSync(program, argv, {
      cwd: project,
      env,
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (error) throw error;
    if (codes.includes(status)) return { status, stdout, stderr };
    throw new Error(`${name}: ${argv.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  };
  const before = RUNTIMES[name].args;
  const command = (...argv) => [...before, 'node_modules/fapilog-tamper/dist/cli/main.js', ...argv];
  start(args);
  const [, used] = /^engine: (.*)$/m.exec(start(command('--version', '--verbose')).stdout);
  if (engine !== undefined && !used.startsWith(engine))
    throw new Error(`${name}: the engine is "${used}", not ${engine}`);
  start(command('keygen', '--out', 'audit.key'));
  const verdicts = Object.keys(LOGGERS).map((logger) => {
    writeFileSync(join(project, `${logger}.mjs`), programOnPage(logger));
    const { stderr } = start([...before, `${logger}.mjs`]);
    const log = readFileSync(join(project, `${logger}.jsonl`), 'utf8');
    const altered = log.replace('paid', 'said');
    if (altered === log) throw new Error(`${name}: ${logger}.jsonl does not hold what was logged:\n${log}${stderr}`);
    writeFileSync(join(project, 'altered.jsonl'), altered);
    const check = (file, codes) =>
      start(
        command('verify', file, '--origin', `audit.example.com/${logger}`, '--keys', 'audit.key'),
        codes,
      ).stdout.split(' ')[0];
    return `${check(`${logger}.jsonl`, [0])}, altered ${check('altered.jsonl', [1])}`;
  });
  return [name, RUNTIMES[name].version, used.split(' ')[0], ...verdicts];
}

/**
 * Publishes release/ to a registry on loopback and installs from it, as a user does. Prints a table of runtimes and loggers.
 *
 * @param named - runtimes; all of them if it is empty
 * @param engine - `native` or `typescript`: no other will do
 */
export async function tryRelease(named, engine) {
  const unknown = named.filter((name) => RUNTIMES[name] === undefined);
  if (unknown.length > 0)
    report([`no such runtime: ${unknown.join(', ')}; there are ${Object.keys(RUNTIMES).join(', ')}`]);
  const names = named.length > 0 ? named : Object.keys(RUNTIMES);
  if (![undefined, 'native', 'typescript'].includes(engine))
    report([`no such engine: ${engine}; there are native, typescript`]);
  const packages = releasedPackages();
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-try-'));
  const problems = [];
  if (process.platform !== 'win32') capture('sync', []); // what the build left to be written would make every fsync slow
  const registry = await startRegistry(join(folder, 'registry'));
  try {
    // npm publishes only with a token, and this registry takes any
    const userconfig = join(folder, 'publisher.npmrc');
    writeFileSync(userconfig, `registry=${registry.url}\n${registry.url.replace('http:', '')}:_authToken=loopback\n`);
    for (const { tarball } of packages) {
      capture('npm', ['publish', tarball, '--userconfig', userconfig, '--registry', registry.url, '--loglevel=error'], {
        shell,
      });
    }
    console.log(`published ${packages.length} packages to ${registry.url}`);
    const rows = [['runtime', 'version', 'engine', ...Object.keys(LOGGERS)]];
    for (const name of names) {
      try {
        rows.push(firstOk(name, { url: registry.url, folder, engine }));
      } catch (error) {
        problems.push(error.message);
      }
    }
    for (const row of rows) console.log(`| ${row.join(' | ')} |`);
  } finally {
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  report(
    problems,
    `${names.length} runtimes, ${Object.keys(LOGGERS).length} loggers: ok, and the altered copy tampered`,
  );
}
