import { isError } from '../errors.ts';
import { isTamperError, TamperError } from '../index.ts';
import { readFlags } from '../internal.ts';
import type { CommandIo } from './command.ts';
import { commands } from './commands.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { helpOf } from './help.ts';
import { print, printable } from './output.ts';

const program = 'fapilog-tamper';

/** Runs a command line. @returns the exit code; it never throws */
export async function run(argv: readonly string[], io: CommandIo, version: () => Promise<string>): Promise<number> {
  try {
    return await dispatch(argv, io, version);
  } catch (error) {
    await print(io.stderr, describe(error));
    return exitCodeOf(error);
  }
}

async function dispatch(argv: readonly string[], io: CommandIo, version: () => Promise<string>): Promise<number> {
  const [name, ...rest] = argv;
  if (name === '--version' || name === '-V') {
    await print(io.stdout, `${await version()}\n`);
    return exitCode.done;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    await print(name === undefined ? io.stderr : io.stdout, overview());
    return name === undefined ? exitCode.usage : exitCode.done;
  }
  const row = commands.find((one) => one.name === name);
  if (row === undefined) throw new TamperError('USAGE', `unknown command ${name}`, { hint: `Run: ${program} --help` });
  const command = await row.load();
  const flags = readFlags(rest, { ...command.specs, help: { type: 'boolean', short: 'h' } }, command.takesConfig);
  if (flags.own['help'] === true) {
    await print(io.stdout, helpOf(program, row.name, command));
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

/** An error as people read it: code, message, hint; the stack only for our own bugs. */
function describe(error: unknown): string {
  if (isTamperError(error) && error.code !== 'INTERNAL') {
    const hint = error.hint === undefined ? '' : `  hint: ${printable(error.hint)}\n`;
    const request = error.requestId === undefined ? '' : `  request id: ${printable(error.requestId)}\n`;
    return `${program}: ${error.code}: ${printable(error.message)}\n${hint}${request}`;
  }
  const stack = isError(error) ? (error.stack ?? error.message) : String(error);
  return `${program}: INTERNAL: this is a bug in ${program}, please report it\n${stack}\n`;
}
