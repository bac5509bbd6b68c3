// Holds the directions of .dependency-cruiser.mjs, and that they are held for real: a cruise that sees fewer modules
// than there are source files, or that does not see the planted violations, is a failure (a TypeScript that the tool
// cannot use makes it see nothing and say ok).
import { spawnSync } from 'node:child_process';
import { filesBelow } from '../lib/files.mjs';
import { report, root, tool } from '../lib/run.mjs';

function cruise(cwd) {
  const args = ['src', '--config', `${root}.dependency-cruiser.mjs`, '--output-type', 'json'];
  const { stdout, stderr, error } = spawnSync(tool('depcruise'), args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error) throw error;
  if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser gave no report: ${stderr}`);
  return JSON.parse(stdout);
}

const result = cruise(root);
const problems = result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
const seen = new Set(result.modules.map((module) => module.source));
const sources = filesBelow('src', /\.ts$/);
if (sources.length === 0) problems.push('src/ holds no TypeScript file');
for (const file of sources) if (!seen.has(file)) problems.push(`not seen by dependency-cruiser: ${file}`);

const planted = new Set(cruise(`${root}test/fixtures/layers`).summary.violations.map(({ rule }) => rule.name));
const expected = ['core-imports', 'verify-imports', 'providers-apart', 'no-cycles'];
expected.push('seal-disk-imports', 'verify-model-imports', 'verify-rooms', 'report-is-pure', 'report-takes-types');
for (const rule of expected) {
  if (!planted.has(rule)) problems.push(`the planted violation of ${rule} was not seen`);
}
report(
  problems,
  `${sources.length} modules, ${result.summary.totalDependenciesCruised} dependencies, none against the rules`,
);
