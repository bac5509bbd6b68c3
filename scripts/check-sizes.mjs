// One concept per file: no source file over 450 lines, README at most 150.
import { readFileSync } from 'node:fs';
import { filesBelow } from './lib/files.mjs';
import { report, root } from './lib/run.mjs';

const limits = { src: 450, readme: 150 };
const lines = (file) => readFileSync(root + file, 'utf8').split('\n').length - 1;

const sizes = filesBelow('src', /\.ts$/).map((file) => ({ file, count: lines(file) }));
sizes.sort((a, b) => a.count - b.count);
const problems = sizes
  .filter(({ count }) => count > limits.src)
  .map(({ file, count }) => `${file}: ${count} lines, at most ${limits.src}`);
if (sizes.length === 0) problems.push('src/ holds no TypeScript file');
if (lines('README.md') > limits.readme)
  problems.push(`README.md: ${lines('README.md')} lines, at most ${limits.readme}`);
const at = (share) => sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * share))]?.count;
report(
  problems,
  `${sizes.length} files, median ${at(0.5)} lines, p90 ${at(0.9)}, largest ${at(1)}; README ${lines('README.md')}`,
);
