// Every link of a Markdown page to the project, relative or to its repository, leads to a file; every page of docs/ can be
// reached from its index, and ends with where to go next.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { filesBelow, topPages } from '../lib/files.mjs';
import { report, root } from '../lib/run.mjs';

/** Pages that the package does not have are linked to so. */
const REPOSITORY = 'https://github.com/fapilog/fapilog-tamper-node/blob/main/';

const pages = [
  ...topPages,
  ...['docs', 'spec', 'vectors', 'compat', 'examples', 'bench'].flatMap((folder) => filesBelow(folder, /\.md$/)),
];
const problems = [];
const links = new Map();
for (const page of pages) {
  const targets = new Set();
  const text = readFileSync(root + page, 'utf8')
    .replace(/```[\s\S]*?```/g, '')
    .replace(/`[^`\n]*`/g, '');
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:|^#/.test(link) && !link.startsWith(REPOSITORY)) continue;
    const path = link.startsWith(REPOSITORY) ? link.slice(REPOSITORY.length) : join(dirname(page), link);
    const target = normalize(path.replace(/#.*$/, ''));
    if (!existsSync(root + target)) problems.push(`${page}: ${link} leads nowhere`);
    targets.add(target);
  }
  links.set(page, targets);
}
const reached = new Set();
const walk = (page) => {
  if (reached.has(page)) return;
  reached.add(page);
  for (const target of links.get(page) ?? []) walk(target);
};
walk('docs/README.md');
for (const page of pages) {
  if (!page.startsWith('docs/')) continue;
  if (!reached.has(page)) problems.push(`${page} cannot be reached from docs/README.md`);
  if (/README|architecture|decisions\//.test(page)) continue;
  const end = readFileSync(root + page, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-8)
    .join('\n');
  if (!end.includes('Where to go next')) problems.push(`${page} does not end with where to go next`);
}
report(problems, `${pages.length} pages, every relative link leads somewhere`);
