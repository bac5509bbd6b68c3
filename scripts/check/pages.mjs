// Runs the pages below as a reader would: each in an empty folder, block after block, against the packed tarball. Pages
// that are named as arguments are run alone.
// Blocks of other languages whose first line is `// NAME` or `# NAME` are written to that file. `sh` blocks are run line
// by line in one shell; a line must end with exit code 0, or with N where it says `# exit N`. Each line of a `text` block (but `…`) must occur
// in what the `sh` block before it printed; inside such a line, `…` stands for any part of a printed line.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { goTool } from '../lib/go-tools.mjs';
import { pack } from '../lib/packed.mjs';
import { report, root } from '../lib/run.mjs';
import { programOf } from '../lib/runtimes.mjs';
import { pages } from './pages-run.mjs';

const QUICK = 10;
/** What the first line of a block is that is written to a file. */
const FILES = {
  js: /^\/\/ (\S+\.mjs)\n/,
  ts: /^\/\/ (\S+\.mts)\n/,
  go: /^\/\/ (\S+\.go)\n/,
  bash: /^# (\S+\.sh)\n/,
  hcl: /^# (\S+\.hcl)\n/,
  yaml: /^# (\S+\.yaml)\n/,
};

const named = process.argv.slice(2);
const chosen = pages.filter(({ page }) => named.length === 0 || named.includes(page));
const problems = named
  .filter((name) => !pages.some(({ page }) => page === name))
  .map((name) => `no such page: ${name}`);
let commands = 0;
const packed = pack();
try {
  for (const { page, tools = [], runtimes = [], most = Number.POSITIVE_INFINITY, quick = [] } of chosen) {
    const text = readFileSync(root + page, 'utf8');
    const lines = text.split('\n').length - 1;
    if (lines > most) problems.push(`${page} has ${lines} lines; ${most} at most, so that it is read`);
    for (const heading of quick) checkQuick(page, text, heading);
    const before = commands;
    const programs = [...tools.map(goTool), ...runtimes.map(programOf)];
    const path = [...programs.map(dirname), process.env.PATH].join(delimiter);
    runPage(page, blocksOf(text), packed.project(page.replace(/\W/g, '-')), path);
    if (commands === before) problems.push(`${page} holds no command`);
  }
} finally {
  packed.remove();
}
report(problems, `${chosen.map(({ page }) => page).join(', ')}: ${commands} commands passed`);

function blocksOf(text) {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({ language, body }));
}

function runPage(page, blocks, folder, path) {
  // One file holds what a block exported, so that the next block has it.
  const environment = `${folder}.sh`;
  writeFileSync(environment, '');
  let printed = '';
  for (const { language, body } of blocks) {
    const name = FILES[language]?.exec(body)?.[1];
    if (name) writeFileSync(join(folder, name), body);
    if (language === 'text') {
      for (const line of body.split('\n').map((part) => part.trim())) {
        if (line !== '' && !isPrinted(line, printed)) problems.push(`${page}: not printed: ${line}`);
      }
    }
    if (language !== 'sh') continue;
    printed = '';
    for (const line of linesOf(body)) {
      commands += 1;
      const expected = Number(/# exit (\d+)/.exec(line)?.[1] ?? 0);
      const result = runLine(line, folder, environment, path);
      printed += result.stdout + result.stderr;
      console.log(`$ ${line}\n${result.stdout}${result.stderr}`.trimEnd());
      if (result.status !== expected) problems.push(`${page}: exit ${result.status}, not ${expected}: ${line}`);
    }
  }
}

function runLine(line, cwd, environment, path) {
  const command = line.startsWith('npm install ') ? line.replace(/\bfapilog-tamper\b/, packed.tarball) : line;
  const script = `. "${environment}"\nset -o pipefail\n${command}\ncode=$?\nexport -p > "${environment}"\nexit $code\n`;
  const env = {
    ...process.env,
    PATH: path,
    TMPDIR: dirname(cwd), // what a program leaves there goes with the folder
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
  const result = spawnSync('bash', ['-c', script], { cwd, env, encoding: 'utf8', timeout: 120_000 });
  if (result.error) throw result.error;
  return result;
}

/** Whether one printed line holds the parts of this one in their order. */
function isPrinted(line, printed) {
  const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*')).test(printed);
}

/** Counts the lines that a reader who wants this recipe alone types: its own, and those that make the key. */
function checkQuick(page, text, heading) {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const own = typedUntilVerify(section);
  const key = typedUntilVerify(text).filter((line) => /^export |^npx fapilog-tamper keygen /.test(line));
  const typed = new Set([...own, ...key]);
  if (!own.some((line) => line.startsWith('npm install '))) problems.push(`${page}: ${heading}: no npm install`);
  if (typed.size > QUICK) problems.push(`${page}: ${heading}: ${typed.size} lines to the first ok; ${QUICK} at most`);
  console.log(`${page}: ${heading}: ${typed.size} lines from npm install to the first ok`);
}

function typedUntilVerify(text) {
  const lines = blocksOf(text).flatMap(({ language, body }) => (language === 'text' ? [] : linesOf(body)));
  const end = lines.findIndex((line) => line.startsWith('npx fapilog-tamper verify '));
  return lines.slice(0, end + 1).filter((line) => !line.startsWith('//'));
}

function linesOf(body) {
  return body.split('\n').filter((line) => line.trim() !== '');
}
