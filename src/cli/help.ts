import type { FlagSet } from './flags.ts';

/** The help of a command, made from what it says of itself. */

const WIDTH = 120;

/** What a command says of itself. */
export interface Described {
  /** What stands after the command's name. */
  readonly usage: string;
  /** Paragraphs, each in one line. */
  readonly about: readonly string[];
  /** Command lines that people use first; `%` is the program and the command. */
  readonly examples: readonly string[];
  /** Arguments that are not flags. */
  readonly takes?: Readonly<Record<string, string>>;
  readonly flags: FlagSet;
  /** Options of the configuration that are worth their line, as flags. */
  readonly options?: Readonly<Record<string, string>>;
  readonly takesConfig: boolean;
}

/** `called` is the program and the command: `fapilog-tamper verify`. */
export function helpOf(called: string, described: Described): string {
  const { usage, examples, about, takes = {}, flags, options = {}, takesConfig } = described;
  const rows: [string, string][] = [
    ...Object.entries(takes),
    ...Object.entries(flags).map(([flag, { takes: value, says }]): [string, string] => [
      value === undefined ? `--${flag}` : `--${flag} ${value}`,
      says,
    ]),
    ...Object.entries(options),
  ];
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
  return [
    `usage: ${called} ${usage}`,
    ...about.flatMap((paragraph) => ['', ...wrapped(paragraph, WIDTH)]),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => `  ${example.replace('%', called)}`),
    ...(rows.length > 0 ? [''] : []),
    ...rows.flatMap(([left, says]) =>
      wrapped(says, WIDTH - width - 2).map((line, at) => `  ${(at === 0 ? left : '').padEnd(width)}${line}`),
    ),
    ...(takesConfig
      ? ['', 'Every configuration option is also a flag (key_id is --key-id); see docs/configuration.md.']
      : []),
    '',
  ].join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
