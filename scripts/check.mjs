// npm run check [-- NAME [ARGUMENTS]]: every check, two at a time, also after one has failed; or the named ones.
import { availableParallelism } from 'node:os';
import { ensureBuilt } from './lib/built.mjs';
import { atOnce, finished, tool } from './lib/run.mjs';

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

const chosen = names.length > 0 ? names : Object.keys(CHECKS);
const failed = [];
await atOnce(Math.min(2, availableParallelism()), chosen, async (name) => {
  const started = performance.now();
  const outputs = [];
  let worst = 0;
  for (const [command, ...rest] of all[name]) {
    const { code, output } = await finished(command, [...rest, ...args], { shown: chosen.length === 1 });
    outputs.push(output);
    worst ||= code;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n== ${name}\n${outputs.join('')}${worst === 0 ? 'ok' : 'FAILED'} ${name} (${seconds} s)`);
  if (worst !== 0) failed.push(name);
});
console.log(
  `\nchecks: ${chosen.length - failed.length} passed, ${failed.length} failed${failed.map((name) => ` [${name}]`).join('')}`,
);
// Not exit(): it drops what a pipe that a child made non-blocking has not taken yet.
process.exitCode = failed.length === 0 ? 0 : 1;
