// npm run check [-- NAME [ARGUMENTS]]: every check, two at a time, also after one has failed; or the named ones.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { ensureBuilt } from './lib/built.mjs';
import { root, tool } from './lib/run.mjs';

const script = (name, ...args) => [process.execPath, `scripts/check/${name}.mjs`, ...args];

/** What each check runs: one command, or several of which each must succeed. The longest come first. */
const CHECKS = {
  site: [script('site')],
  lint: [
    [tool('oxlint'), '--type-aware', '--report-unused-disable-directives', 'src', 'test', 'providers'],
    [tool('biome'), 'lint', '--error-on-warnings', '.'],
  ],
  deployment: [script('deployment')],
  typecheck: ['tsconfig.json', 'test/browser', 'src/offline/page', 'providers/pkcs11'].map((project) => [
    tool('tsc'),
    '-p',
    project,
    '--noEmit',
  ]),
  types: [script('types')],
  package: [script('package')],
  unused: [[tool('knip')]],
  layers: [script('layers')],
  format: [[tool('biome'), 'check', '--linter-enabled=false', '.']],
  imports: [script('imports')],
  architecture: [script('architecture')],
  exports: [script('exports')],
  links: [script('links')],
  root: [script('root')],
  spec: [script('spec')],
  workflows: [script('workflows')],
  words: [script('words')],
};
/** Those that take minutes, or what a machine may lack: they run when they are named. */
const NAMED = {
  blocks: [script('blocks')],
  dist: [script('dist')],
  docs: [script('pages')],
  engine: [script('engine')],
  image: [script('image')],
  readme: [script('pages', 'README.md')],
  runtimes: [script('runtimes')],
};

const all = { ...CHECKS, ...NAMED };
// Words that are all checks name checks; else the first one is a check, and the others are its arguments.
const given = process.argv.slice(2);
const known = given.filter((name) => all[name] !== undefined);
const names = known.length === given.length ? given : given.slice(0, 1);
const args = given.slice(names.length);
if (all[names[0] ?? 'lint'] === undefined) {
  console.error(`npm run check: unknown ${names[0]}; the checks are ${Object.keys(all).join(', ')}`);
  process.exit(64);
}
ensureBuilt();

const waiting = names.length > 0 ? names : Object.keys(CHECKS);
const total = waiting.length;
const failed = [];
await Promise.all(
  Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const started = performance.now();
      const outputs = [];
      let code = 0;
      for (const [command, ...rest] of all[name]) {
        const { status, output } = await finished(command, [...rest, ...args], total === 1);
        outputs.push(output);
        code ||= status;
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`\n== ${name}\n${outputs.join('')}${code === 0 ? 'ok' : 'FAILED'} ${name} (${seconds} s)`);
      if (code !== 0) failed.push(name);
    }
  }),
);
console.log(
  `\nchecks: ${total - failed.length} passed, ${failed.length} failed${failed.map((name) => ` [${name}]`).join('')}`,
);
process.exit(failed.length === 0 ? 0 : 1);

/** Runs a command to its end. What it prints is shown as it comes if it runs alone, else in one piece. */
function finished(command, args, alone) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', alone ? 'inherit' : 'pipe', alone ? 'inherit' : 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}
