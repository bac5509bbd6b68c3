// Builds the documentation site, and follows its links: every address and anchor of every page leads to one that is
// there, every Markdown file of docs/ and spec/ is a page, and every page ends with where to go next.
import { readFileSync } from 'node:fs';
import { parse } from 'parse5';
import { pages } from '../../site/pages.mjs';
import { filesBelow } from '../lib/files.mjs';
import { report, root, run } from '../lib/run.mjs';

const dist = 'site/.vitepress/dist';
if (run(process.execPath, ['scripts/build/site.mjs'], { env: { ...process.env, SITE_BASE: '/' } }) !== 0)
  process.exit(1);

const problems = [];
const placed = new Set(pages.map(({ file }) => file));
for (const file of ['docs', 'spec'].flatMap((folder) => filesBelow(folder, /\.md$/))) {
  if (!placed.has(file)) problems.push(`${file} is not in site/pages.mjs`);
}

const files = new Set(filesBelow(dist).map((file) => file.slice(dist.length)));
const shown = new Map();
for (const file of files) if (file.endsWith('.html')) shown.set(file, read(file));
for (const { file, at } of pages) {
  const page = shown.get(`/${at.replace(/md$/, 'html')}`);
  if (page === undefined) problems.push(`${file} has no page`);
  else if (!page.links.some(({ parts }) => parts.includes('next')))
    problems.push(`${file} does not say where to go next`);
}
let links = 0;
for (const [file, page] of shown) {
  for (const { href } of page.links) {
    if (/^[a-z]+:/.test(href)) continue;
    links += 1;
    const { pathname, hash } = new URL(href, `file://${file}`);
    const target = [pathname, `${pathname}.html`, `${pathname}index.html`].find((one) => files.has(one));
    if (target === undefined) problems.push(`${file}: ${href} leads nowhere`);
    else if (hash !== '' && !shown.get(target).ids.has(decodeURIComponent(hash.slice(1)))) {
      problems.push(`${file}: ${href} names no heading of ${target}`);
    }
  }
}
report(problems, `${shown.size} pages, ${links} links and anchors lead somewhere`);

/** The links and the ids of a page. */
function read(file) {
  const found = { links: [], ids: new Set() };
  const walk = (node) => {
    const attribute = Object.fromEntries((node.attrs ?? []).map(({ name, value }) => [name, value]));
    if (attribute.id !== undefined) found.ids.add(attribute.id);
    if (node.nodeName === 'a' && attribute.href !== undefined) {
      found.links.push({ href: attribute.href, parts: (attribute.class ?? '').split(' ') });
    }
    for (const child of node.childNodes ?? []) walk(child);
  };
  walk(parse(readFileSync(root + dist + file, 'utf8')));
  return found;
}
