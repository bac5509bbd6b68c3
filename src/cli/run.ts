import { TamperError } from '../index.ts';
import { readFlags, shown } from '../internal.ts';
import type { Command, CommandIo } from './command.ts';
import { commands } from './commands.ts';
import { engineText } from './engine-text.ts';
import { errorText } from './error-text.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { helpOf } from './help.ts';
import { print } from './output.ts';

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
  return orDescribed(io, argv, async () => {
    if (!asksVersion(argv[0])) return runCommand(called, alone, argv, io);
    await print(io.stdout, `${version}\n`);
    return exitCode.done;
  });
}

async function orDescribed(io: CommandIo, argv: readonly string[], act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    const typed = [
      ...argv,
      ...Object.entries(io.env).flatMap(([name, value]) => (isOurs(name) && value ? [value] : [])),
    ];
    await print(io.stderr, errorText(error, typed));
    return exitCodeOf(error);
  }
}

/** Whether a variable holds an option, which a person may have taken for the place of a key. */
function isOurs(name: string): boolean {
  return name.startsWith('FAPILOG_TAMPER_');
}

function asksVersion(argument: string | undefined): boolean {
  return argument === '--version' || argument === '-V';
}

async function dispatch(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...rest] = argv;
  if (asksVersion(name)) {
    await print(io.stdout, `${await io.version()}\n${await engineText()}\n`);
    return exitCode.done;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    await print(name === undefined ? io.stderr : io.stdout, overview());
    return name === undefined ? exitCode.usage : exitCode.done;
  }
  // a command of two words comes before its first one
  const both = commands.find((one) => one.name === `${name} ${rest[0]}`);
  const row = both ?? commands.find((one) => one.name === name);
  if (row === undefined)
    throw new TamperError('USAGE', `unknown command ${shown(name)}`, { hint: `Run: ${program} --help` });
  return runCommand(`${program} ${row.name}`, await row.load(), both === undefined ? rest : rest.slice(1), io);
}

async function runCommand(called: string, command: Command, argv: readonly string[], io: CommandIo): Promise<number> {
  const flags = readFlags(argv, { ...command.specs, help: { type: 'boolean', short: 'h' } }, command.takesConfig);
  if (flags.own['help'] === true) {
    await print(io.stdout, helpOf(called, command));
    return exitCode.done;
  }
  return command.run(flags, io);
}

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    `usage: ${program} COMMAND [ARGUMENTS]`,
    '',
    ...rows,
    '',
    `Run ${program} COMMAND --help for more. Exit codes: 0 done, 1 tampered or a failed check, 2 undecided or not`,
    `reachable, 64 wrong usage, 70 a bug in ${program}.`,
    '',
  ].join('\n');
}
