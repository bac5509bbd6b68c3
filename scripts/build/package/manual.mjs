// The manual pages, made of what the commands say of themselves, and of the table of options in docs/configuration.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../lib/run.mjs';

const { name: program, version, homepage } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const escaped = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll(
      /[^\n -~]/gu,
      (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll(/^(?=[.'])/gm, '\\&');
/** A sentence as a paragraph: a code span becomes bold. */
const prose = (text) => escaped(text).replaceAll(/`([^`]+)`/g, '\\fB$1\\fR');
const pageOf = (command) => `${program}-${command.replaceAll(' ', '-')}`;

function page(name, section, summary, body) {
  // no date: the same sources give the same bytes
  const head = `.TH "${escaped(name.toUpperCase())}" ${section} "" "${program} ${version}"\n.ad l`;
  const file = `${[head, '.SH NAME', `${escaped(name)} \\- ${escaped(summary)}`, ...body].join('\n')}\n`;
  return [`${name}.${section}`, file];
}

const item = (left, says) => ['.TP', `\\fB${escaped(left)}\\fR`, prose(says)];
const seeAlso = (...names) => [
  '.SH SEE ALSO',
  ...names.map(([name, section]) => `.BR ${escaped(name)} (${section}),`),
  escaped(homepage),
];

const EXIT = [
  ['0', 'done; ok'],
  ['1', 'tampered, or a failed check'],
  ['2', 'undecided, or something could not be reached'],
  ['64', 'wrong usage'],
  ['70', `a bug in ${program}`],
];
const exitStatus = ['.SH EXIT STATUS', ...EXIT.flatMap(([code, says]) => item(code, says))];

function commandPage({ name, summary }, described, sections) {
  const called = `${program} ${name}`;
  const [arguments_, headings] = [described.usage, sections.length > 1];
  const options = sections.flatMap(({ heading, rows }) => [
    ...(headings ? [`.SS ${escaped(heading)}`] : []),
    ...rows.flatMap(([left, says]) => item(left, says)),
  ]);
  return page(pageOf(name), 1, summary, [
    '.SH SYNOPSIS',
    `\\fB${escaped(called)}\\fR ${escaped(arguments_)}`,
    '.SH DESCRIPTION',
    ...described.about.flatMap((paragraph) => ['.PP', prose(paragraph)]).slice(1),
    ...(options.length > 0 ? ['.SH OPTIONS', ...options] : []),
    ...(described.takesConfig
      ? [
          '.SH CONFIGURATION',
          'Every option of',
          `.BR ${escaped(program)}\\-configuration (5)`,
          prose('is also a flag: `key_id` is `--key-id`.'),
        ]
      : []),
    '.SH EXAMPLES',
    ...described.examples.flatMap((example) => ['.PP', '.nf', escaped(example.replace('%', called)), '.fi']).slice(1),
    ...exitStatus,
    ...seeAlso([program, 1], [`${program}-configuration`, 5]),
  ]);
}

function overviewPage(commands) {
  const groups = [...new Set(commands.map(({ group }) => group))];
  return page(program, 1, 'tamper-evident logs: seal, verify, prove', [
    '.SH SYNOPSIS',
    `\\fB${escaped(program)}\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]`,
    '.SH DESCRIPTION',
    prose(
      'Seals lines into an append-only log, with keys that an enterprise already manages, and verifies such logs: ok, tampered and where, or undecided and why. Each command has a page of its own; `fapilog-tamper help COMMAND` shows the same in short.',
    ),
    '.SH COMMANDS',
    ...groups.flatMap((group) => [
      `.SS ${escaped(group)}`,
      ...commands.flatMap((one) =>
        one.group === group ? ['.TP', `.BR ${escaped(pageOf(one.name))} (1)`, prose(one.summary)] : [],
      ),
    ]),
    '.SH OPTIONS',
    ...item('-h, --help', 'show all commands, or behind a command its help'),
    ...item('-V, --version', 'show the version; with --verbose also the engine and the platform'),
    '.SH ENVIRONMENT',
    ...item('FAPILOG_TAMPER_*', 'options of the configuration'),
    ...item('NO_COLOR, FORCE_COLOR', 'verdicts without color in a terminal; with color in a pipe'),
    ...exitStatus,
    ...seeAlso([`${program}-configuration`, 5]),
  ]);
}

/** The rows of the tables of options: name, variable, what it may be, default, what it is for. */
function configurationPage() {
  const text = readFileSync(`${root}docs/configuration.md`, 'utf8').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$/gm)];
  if (rows.length === 0) throw new Error('docs/configuration.md has no table of options');
  return page(`${program}-configuration`, 5, `the options of ${program}`, [
    '.SH DESCRIPTION',
    prose(
      'Options are set by flags, in the environment, or in a YAML or JSON file that `--config` or `FAPILOG_TAMPER_CONFIG` names; the first of these places that sets an option wins. `fapilog-tamper doctor --verbose` shows each option, its value and the place that set it.',
    ),
    '.SH OPTIONS',
    ...rows.flatMap(([, name, variable, allowed, byDefault, says]) => [
      ...item(name, says),
      '.br',
      prose(
        `Flag \`--${name.replaceAll('_', '-')}\`, variable ${variable}; ${allowed}${byDefault === '' ? '' : `; default ${byDefault}`}.`,
      ),
    ]),
    ...seeAlso([program, 1]),
  ]);
}

/** Writes the pages into a folder, from the compiled package in another one. @returns their names */
export async function buildManual(dist, folder) {
  const [{ commands }, { sectionsOf }] = await Promise.all(
    ['commands', 'help'].map((module) => import(pathToFileURL(resolve(dist, `cli/${module}.js`)))),
  );
  const pages = [overviewPage(commands), configurationPage()];
  for (const row of commands) {
    const described = await row.load();
    pages.push(commandPage(row, described, sectionsOf(described)));
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  return pages.map(([name]) => name).sort();
}
