import type { FlagSet } from './flags.ts';

/** The help of a command, made from what it says of itself. */

const WIDTH = 120;
const OPTIONS = 'Options';

/** What a command says of itself. */
export interface Described {
  /** What stands after the command's name. */
  readonly usage: string;
  /** Paragraphs, each in one line. */
  readonly about: readonly string[];
  /** Command lines that people use first; `%` is the program and the command. */
  readonly examples: readonly string[];
  /** What the first argument may be, where it is one of a few words. */
  readonly words?: readonly string[];
  /** Arguments that are not flags. */
  readonly takes?: Readonly<Record<string, string>>;
  readonly flags: FlagSet;
  /** Options of the configuration that are worth their line, as flags. */
  readonly options?: Readonly<Record<string, string>>;
  readonly takesConfig: boolean;
}

/** `called` is the program and the command: `fapilog-tamper verify`. */
export function helpOf(called: string, described: Described): string {
  const { usage, examples, about, takesConfig } = described;
  const sections = sectionsOf(described);
  const width = Math.max(0, ...sections.flatMap(({ rows }) => rows.map(([left]) => left.length))) + 3;
  return [
    `usage: ${called} ${usage}`,
    ...about.flatMap((paragraph) => ['', ...wrapped(paragraph, WIDTH)]),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => `  ${example.replace('%', called)}`),
    ...sections.flatMap(({ heading, rows }) => [
      '',
      ...(sections.length > 1 ? [`${heading}:`] : []),
      ...rows.flatMap(([left, says]) =>
        wrapped(says, WIDTH - width - 2).map((line, at) => `  ${(at === 0 ? left : '').padEnd(width)}${line}`),
      ),
    ]),
    ...(takesConfig
      ? ['', 'Every configuration option is also a flag (key_id is --key-id); see docs/configuration.md.']
      : []),
    '',
  ].join('\n');
}

/** Rows of the help below one heading: what stands on the left, and what is said of it. */
export interface HelpSection {
  readonly heading: string;
  readonly rows: readonly (readonly [left: string, says: string])[];
}

/**
 * Arguments, flags and options in the order of the help. A command with few flags has one section.
 *
 * @public the build makes the manual pages of it
 */
export function sectionsOf({ takes = {}, flags, options = {} }: Described): readonly HelpSection[] {
  const sections = new Map<string, [string, string][]>();
  const add = (heading: string, left: string, says: string): void => {
    sections.set(heading, [...(sections.get(heading) ?? []), [left, says]]);
  };
  for (const [left, says] of Object.entries(takes)) add(OPTIONS, left, says);
  for (const [flag, { takes: value, says, under = OPTIONS }] of Object.entries(flags)) {
    add(under, value === undefined ? `--${flag}` : `--${flag} ${value}`, says);
  }
  for (const [left, says] of Object.entries(options)) add(OPTIONS, left, says);
  return [...sections].map(([heading, rows]) => ({ heading, rows }));
}

/** Text in lines of at most so many characters, if its words are not longer. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
