import type { CommandIo } from './command.ts';
import { exitCodeOf } from './exit-code.ts';
import { tell } from './output.ts';

/** Acts on a command line, and says of an error what it is and what to do next. @returns the exit code; it never throws */
export async function orDescribed(
  { stderr, env }: Pick<CommandIo, 'stderr' | 'env'>,
  argv: readonly string[],
  act: () => Promise<number>,
): Promise<number> {
  try {
    return await act();
  } catch (error) {
    const { errorText } = await import('./error-text.ts');
    const ours = Object.entries(env).flatMap(([name, value]) => (isOurs(name) && value ? [value] : []));
    await tell(stderr, errorText(error, [...argv, ...ours]));
    return exitCodeOf(error);
  }
}

/** Whether a variable holds an option, which a person may have taken for the place of a key. */
function isOurs(name: string): boolean {
  return name.startsWith('FAPILOG_TAMPER_');
}
