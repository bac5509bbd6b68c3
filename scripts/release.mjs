// npm run release -- WHAT: what is published, from a clean checkout. docs/reproducible-builds.md, CONTRIBUTING.md (Releasing)
//   --build                   checks the versions and the tree, and builds everything into release/, with checksums (Linux x64)
//   --try [RUNTIME…]          publishes release/ to a registry on loopback and installs from it: each runtime, each logger
//         [--engine native]   and only the native engine will do
//   --dry-run                 both: all of a release but the last step
//   --publish                 the last step: to the npm registry, engines first; what is there already is left alone
//   --reproduce               builds everything twice, in other folders, with another umask, under load, and compares
//   --notes                   prints the section of CHANGELOG.md
import { parseArgs } from 'node:util';
import { report } from './lib/run.mjs';
import { notesOf, problemsBefore } from './release/ready.mjs';

const WHATS = ['build', 'try', 'dry-run', 'publish', 'reproduce', 'notes'];
const usage = (problem) => {
  console.error(`npm run release: ${problem}`);
  process.exit(64);
};
const options = { ...Object.fromEntries(WHATS.map((name) => [name, { type: 'boolean' }])), engine: { type: 'string' } };
const parsed = () => {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
    return usage(error.message);
  }
};
const { values, positionals } = parsed();
const [what, ...more] = WHATS.filter((name) => values[name] === true);
if (what === undefined || more.length > 0) usage(`name one of ${WHATS.map((name) => `--${name}`).join(', ')}`);
if (!['try', 'dry-run'].includes(what) && positionals.length > 0) usage(`--${what} takes no ${positionals.join(' ')}`);
if (!['try', 'dry-run'].includes(what) && values.engine !== undefined) usage(`--${what} takes no --engine`);

const build = async () => {
  const problems = problemsBefore('building');
  if (problems.length > 0) report(problems, '');
  const { withNamedTools } = await import('./release/named-tools.mjs');
  withNamedTools('scripts/release/build.mjs');
};
const tryOut = async () => {
  const { tryRelease } = await import('./release/try.mjs');
  await tryRelease(positionals, values.engine);
};

if (what === 'notes') process.stdout.write(notesOf());
if (what === 'build') await build();
if (what === 'try') await tryOut();
if (what === 'dry-run') {
  await build();
  await tryOut();
}
if (what === 'publish') {
  report(problemsBefore('publishing'), 'ready to be published');
  const { publish } = await import('./release/publish.mjs');
  await publish();
}
if (what === 'reproduce') {
  const { reproduce } = await import('./release/reproduce.mjs');
  await reproduce();
}
