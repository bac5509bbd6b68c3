import { TamperError } from '../errors.ts';
import { checkWorkingDirectory, nearest, readFlags, shown } from '../internal.ts';
import type { Command, CommandIo, CommandRow } from './command.ts';
import { commands } from './commands.ts';
import { orDescribed } from './described.ts';
import { exitCode } from './exit-code.ts';
import { helpOf } from './help.ts';
import { print } from './output.ts';
import { asksVersion, printVersion } from './version.ts';

const program = 'fapilog-tamper';

/** Runs a command line. @returns the exit code; it never throws */
export async function run(
  argv: readonly string[],
  streams: Omit<CommandIo, 'version'>,
  version: () => Promise<string>,
): Promise<number> {
  const io = { ...streams, version };
  return orDescribed(io, argv, () => dispatch(argv, io));
}

/**
 * Runs a command that is a program by itself: every argument is one of its own. `called` is how it is started, for the help.
 *
 * @returns the exit code; it never throws
 */
export async function runAlone(
  called: string,
  alone: Command,
  argv: readonly string[],
  streams: Omit<CommandIo, 'version'>,
  version: string,
): Promise<number> {
  const io = { ...streams, version: async () => version };
  return orDescribed(io, argv, async () =>
    asksVersion(argv[0]) ? printVersion(argv, io) : runCommand(called, alone, argv, io),
  );
}

function asksHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h' || argument === 'help';
}

/** The help of the command that the words name, of those that begin with the one word, or of all. @throws USAGE */
async function helpAbout([name, next]: readonly string[]): Promise<string> {
  if (name === undefined) return overview(commands);
  const below = commandsBelow(name);
  if (next === undefined && below.length > 0 && !commands.some((one) => one.name === name)) return overview(below);
  const { row } = commandOf(name, next);
  return helpOf(calledAs(row), await row.load());
}

async function dispatch(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = argv;
  if (asksVersion(name)) return printVersion(rest, io);
  if (name === undefined) {
    await print(io.stderr, overview(commands));
    return exitCode.usage;
  }
  if (asksHelp(name)) {
    await print(io.stdout, await helpAbout(rest));
    return exitCode.done;
  }
  if (asksHelp(rest[0]) && !commands.some((one) => one.name === name)) {
    await print(io.stdout, await helpAbout([name]));
    return exitCode.done;
  }
  const { row, words } = commandOf(name, rest[0]);
  checkWorkingDirectory();
  return runCommand(calledAs(row), await row.load(), rest.slice(words - 1), io);
}

const calledAs = ({ name }: CommandRow): string => `${program} ${name}`;

/** The command that begins with these words: one of two words comes before its first one. @throws USAGE */
function commandOf(name: string, next: string | undefined): { readonly row: CommandRow; readonly words: 1 | 2 } {
  const both = commands.find((one) => one.name === `${name} ${next}`);
  const row = both ?? commands.find((one) => one.name === name);
  if (row !== undefined) return { row, words: both === undefined ? 1 : 2 };
  const below = commandsBelow(name);
  if (below.length > 0) {
    const names = below.map((one) => one.name);
    throw new TamperError('USAGE', `say which: ${names.join(' or ')}`, {
      hint:
        next === undefined || next.startsWith('-')
          ? `Run: ${program} help ${name}`
          : `Did you mean ${nearest(`${name} ${next}`, names)}?`,
    });
  }
  const firstWords = new Set(commands.map((one) => one.name.split(' ', 1).join()));
  const like = nearest(name, ['--version', ...firstWords]);
  throw new TamperError('USAGE', `unknown command ${shown(name)}`, {
    hint: `Did you mean ${like}? All commands: ${program} help`,
  });
}

const commandsBelow = (name: string): readonly CommandRow[] =>
  commands.filter((one) => one.name.startsWith(`${name} `));

async function runCommand(called: string, command: Command, argv: readonly string[], io: CommandIo): Promise<number> {
  const flags = readFlags(argv, { ...command.specs, help: { type: 'boolean', short: 'h' } }, command.takesConfig);
  if (flags.own['help'] === true) {
    await print(io.stdout, helpOf(called, command));
    return exitCode.done;
  }
  return command.run(flags, io);
}

function overview(shown: readonly CommandRow[]): string {
  const width = Math.max(...shown.map(({ name }) => name.length));
  const groups = [...new Set(shown.map(({ group }) => group))];
  const rows = groups.flatMap((group) => [
    '',
    `${group}:`,
    ...shown.flatMap((one) => (one.group === group ? [`  ${one.name.padEnd(width)}  ${one.summary}`] : [])),
  ]);
  return [
    `usage: ${program} COMMAND [ARGUMENTS]`,
    ...rows,
    '',
    `Run ${program} help COMMAND for more. Exit codes: 0 done, 1 tampered or a failed check, 2 undecided or not`,
    `reachable, 64 wrong usage, 70 a bug in ${program}.`,
    '',
  ].join('\n');
}
