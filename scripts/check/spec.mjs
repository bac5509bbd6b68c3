// Every normative statement of spec/format.md, spec/evidence.md, spec/erasure.md and spec/journal.md has a number, code that meets it and a test that holds it.
// A statement begins with its number: `**[M4.3]** A checkpoint line MUST …` is the third of section 4.
// Code and tests cite `M4.3` where they meet a statement exactly, and `spec 4` where they follow a section.
// An argument names another folder to look at.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { filesBelow } from '../lib/files.mjs';
import { root as ours, report } from '../lib/run.mjs';

const root = process.argv[2] === undefined ? ours : `${resolve(process.argv[2])}/`;

const problems = [];
/** The pages with numbered statements: the letter of each one's numbers; `spec 4` in code is a section of the first. */
const pages = [
  { page: 'spec/format.md', letter: 'M' },
  { page: 'spec/evidence.md', letter: 'E', optional: true },
  { page: 'spec/erasure.md', letter: 'R', optional: true },
  { page: 'spec/journal.md', letter: 'J', optional: true },
];
const statements = new Map();
const sections = new Set();
for (const { page, letter, optional } of pages) readPage(page, letter, optional);

function readPage(page, letter, optional = false) {
  const text = existsSync(root + page) ? readFileSync(root + page, 'utf8') : '';
  if (text === '' && !optional) problems.push(`${page} does not exist`);
  const before = statements.size;
  let section = '';
  let fenced = false;
  text.split('\n').forEach((line, index) => {
    const place = `${page}:${index + 1}`;
    if (line.startsWith('```')) fenced = !fenced;
    if (fenced) return;
    const heading = /^## (\d+)\./.exec(line);
    if (heading) {
      section = heading[1];
      if (page === pages[0].page) sections.add(section);
    }
    const numbers = [...line.matchAll(/\*\*\[([A-Z])(\d+)\.(\d+)\]\*\*/g)];
    for (const [, prefix, chapter, item] of numbers) {
      const id = `${prefix}${chapter}.${item}`;
      if (prefix !== letter) problems.push(`${place}: ${id} is not of this page, whose numbers begin with ${letter}`);
      if (chapter !== section) problems.push(`${place}: ${id} stands in section ${section || 'none'}`);
      if (statements.has(id)) problems.push(`${place}: ${id} was given at ${statements.get(id)} already`);
      statements.set(id, place);
    }
    if (numbers.length === 0 && /\bMUST\b/.test(line) && !/RFC 2119|RFC 8174|BCP 14/.test(line)) {
      problems.push(`${place}: a MUST without a number`);
    }
  });
  if (text !== '' && statements.size === before) problems.push(`${page} holds no numbered statement`);
}

/** Where each number and each section is cited below the folders given. */
function citations(folders) {
  const found = new Map();
  for (const file of folders.flatMap((folder) => filesBelow(folder, /\.(ts|mjs|go|py)$/, root))) {
    const body = readFileSync(root + file, 'utf8');
    for (const [id] of body.matchAll(/(?<![\w.])[MERJ]\d+\.\d+(?![\w.]*\d)/g)) found.set(id, file);
    for (const [, cited] of body.matchAll(/\bspec (\d+)(?![\d])/g)) {
      if (sections.size > 0 && !sections.has(cited))
        problems.push(`${file}: spec ${cited} is no section of ${pages[0].page}`);
    }
  }
  return found;
}
const code = citations(['src']);
const tests = citations(['test']);
for (const [id, place] of statements) {
  const lacks = [code.has(id) ? '' : 'code', tests.has(id) ? '' : 'test'].filter((word) => word !== '');
  if (lacks.length > 0) problems.push(`${place}: ${id} has no ${lacks.join(' and no ')}`);
}
for (const [id, file] of [...code, ...tests]) {
  if (statements.size > 0 && !statements.has(id))
    problems.push(`${file}: ${id} is no statement of ${pages.find(({ letter }) => id.startsWith(letter)).page}`);
}
report(problems, `${statements.size} statements in ${sections.size} sections, each with code and test`);
