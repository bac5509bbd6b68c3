import type { CommandIo } from './command.ts';
import { exitCode } from './exit-code.ts';
import { print } from './output.ts';

/** Whether a command line asks which version this is, which needs nothing else of the package. */
export function asksVersion(argument: string | undefined): boolean {
  return argument === '--version' || argument === '-V';
}

/** The number alone, which programs compare; `--verbose` says what it runs on and which program it is as well. */
export async function printVersion(
  argv: readonly string[],
  io: Pick<CommandIo, 'stdout' | 'version' | 'digest'>,
): Promise<number> {
  const version = await io.version();
  await print(io.stdout, argv.includes('--verbose') ? await verboseText(version, io) : `${version}\n`);
  return exitCode.done;
}

async function verboseText(version: string, io: Pick<CommandIo, 'digest'>): Promise<string> {
  const { engineText } = await import('./engine-text.ts');
  const { arch, platform, version: node } = process;
  const own = await io.digest?.();
  const digest = own === undefined ? '' : `SHA-256 of this ${own.of}: ${own.sha256}\n`;
  return `${version}\n${await engineText()}\nplatform: ${platform}-${arch}, Node.js ${node}\n${digest}`;
}
