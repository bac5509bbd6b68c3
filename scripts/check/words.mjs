// What a person reads has none of the phrases below: pages, and every text of src/ that is a sentence (errors, findings,
// help, reports). A planted one must be seen.
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { filesBelow, topPages } from '../lib/files.mjs';
import { report, root } from '../lib/run.mjs';

/** Phrases that readers called riddling or translated, and what an engineer writes in their place. */
const PHRASES = [
  [/\bwhoever\b/i, 'anyone who'],
  [/\bso many (?!(?:as|other)\b)/i, 'at most N, N'],
  [/\b(?:is|are) told of\b|\btold of as\b/i, 'is reported as'],
  [/\bbecame of\b/i, 'happened to'],
  [/\bcame to (?:its|their) end\b/i, 'ended'],
  [/\bcould (?:not )?be had\b/i, 'was (not) available'],
  [/\bservice is away\b|\banchor is away\b/i, 'is unreachable'],
  [/\b(?:is|are) none of\b/i, 'is not'],
  [/\bof nobody's\b/i, 'not ours'],
  [/\bgoes? on where it was\b/i, 'continues where it stopped'],
  [/\bas far as it is new\b/i, 'what is new'],
  [/\bwhat it came to\b/i, 'the result'],
  [/\b[Oo]rganis|\bbehaviour|\blicence|\bmisspelt\b|\bCancelled\b/, 'American spelling'],
];

const found = (text) =>
  PHRASES.filter(([phrase]) => phrase.test(text)).map(([phrase, better]) => `${phrase}: ${better}`);

function* sentences(file) {
  const tree = ts.createSourceFile(file, readFileSync(root + file, 'utf8'), ts.ScriptTarget.Latest, true);
  const stack = [tree];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    if (isText && / /.test(node.text))
      yield { text: node.text, line: tree.getLineAndCharacterOfPosition(node.getStart()).line + 1 };
    node.forEachChild((child) => void stack.push(child));
  }
}

if (found('The key could not be had, and whoever asks is told of it.').length !== 3)
  throw new Error('a planted phrase was not seen');
const problems = [];
const pages = [
  ...topPages,
  'src/offline/page/page.html',
  ...filesBelow('docs', /\.md$/).filter((page) => !page.startsWith('docs/decisions/')),
];
for (const page of pages) {
  const lines = readFileSync(root + page, 'utf8').split('\n');
  for (const [at, line] of lines.entries()) for (const one of found(line)) problems.push(`${page}:${at + 1}: ${one}`);
}
const sources = filesBelow('src', /\.ts$/);
let texts = 0;
for (const file of sources) {
  for (const { text, line } of sentences(file)) {
    texts++;
    for (const one of found(text)) problems.push(`${file}:${line}: ${one}`);
  }
}
report(problems, `${pages.length} pages and ${texts} texts of src/`);
