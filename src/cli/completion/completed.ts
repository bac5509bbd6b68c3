import { choicesOf, fileName, flagName, isSecretOption, kindOf, optionNames } from '../../internal.ts';
import type { CommandRow } from '../command.ts';
import type { Flag } from '../flags.ts';
import type { Described } from '../help.ts';

/** What can stand somewhere: one of a few words, the path of a file or of a folder, or what only the user knows. */
export type Value = readonly string[] | 'file' | 'folder' | 'unknown';

/** A flag as a shell completes it. */
export interface CompletedFlag {
  /** Without its dashes. */
  readonly name: string;
  readonly says: string;
  /** Absent: it takes none. */
  readonly value?: Value;
  readonly many: boolean;
}

/** A command as a shell completes it. */
export interface CompletedCommand {
  /** One word, or two. */
  readonly name: string;
  readonly summary: string;
  /** Its own. */
  readonly flags: readonly CompletedFlag[];
  /** Whether it takes the options of the configuration, too. */
  readonly takesConfig: boolean;
  /** What its arguments are; absent if it takes only flags. */
  readonly argument?: Value;
}

/** All that a shell can complete. */
export interface Completed {
  readonly commands: readonly CompletedCommand[];
  /** Flags that set options of the configuration. */
  readonly options: readonly CompletedFlag[];
}

const HELP: CompletedFlag = { name: 'help', says: 'show the help of this command', many: false };

/** Reads the flags of every command in the table. */
export async function completed(commands: readonly CommandRow[]): Promise<Completed> {
  return {
    commands: await Promise.all(
      commands.map(async (row): Promise<CompletedCommand> => {
        const { name, summary } = row;
        const described = await row.load();
        const argument = argumentOf(described);
        return {
          name,
          summary,
          flags: [...Object.entries(described.flags).map(flagOf), HELP],
          takesConfig: described.takesConfig,
          ...(argument !== undefined && { argument }),
        };
      }),
    ),
    options: optionNames.filter((name) => !isSecretOption(name)).map(optionOf),
  };
}

function flagOf([name, { says, takes, words, many }]: [string, Flag<unknown>]): CompletedFlag {
  return { name, says, many, ...(takes !== undefined && { value: words ?? kindOfValue(takes) }) };
}

/** By the words that stand for a value in the help. */
function kindOfValue(takes: string): Value {
  if (/FILE|PATH|NOTE|\.tsr/.test(takes)) return 'file';
  return /DIRECTORY|PLACE/.test(takes) ? 'folder' : 'unknown';
}

function argumentOf({ usage, words }: Described): Value | undefined {
  const [first = ''] = usage.split(' ', 1);
  return words ?? (/^\[?-/.test(first) ? undefined : kindOfValue(first));
}

function optionOf(option: (typeof optionNames)[number]): CompletedFlag {
  const name = flagName(option);
  const says = `the option ${fileName(option)}`;
  const many = kindOf(option) === 'list';
  if (kindOf(option) === 'boolean') return { name, says, many };
  const words = choicesOf(option);
  if (words.length > 0) return { name, says, many, value: words };
  const isPath = /(?:^|-)(?:file|file-path|jwt-path|module)$/.test(name);
  return { name, says, many, value: isPath ? 'file' : name.endsWith('-dir') ? 'folder' : 'unknown' };
}
