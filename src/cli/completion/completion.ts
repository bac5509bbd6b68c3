import { TamperError } from '../../errors.ts';
import { type Command, type CommandRow, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { print } from '../output.ts';
import { bashScript } from './bash.ts';
import { type Completed, completed } from './completed.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const scripts = new Map<string, (all: Completed) => string>([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
]);
const shells = [...scripts.keys()];

/** `fapilog-tamper completion`, for the commands of a table. */
export function completionOf(table: readonly CommandRow[]): Command {
  return command(
    {
      usage: shells.join('|'),
      examples: [
        '% bash > ~/.local/share/bash-completion/completions/fapilog-tamper',
        '% zsh > ~/.zsh/completions/_fapilog-tamper',
        '% fish > ~/.config/fish/completions/fapilog-tamper.fish',
      ],
      about: [
        'Prints a script that makes your shell complete commands, flags and their values. The shell has to load it, and fapilog-tamper has to be on your PATH. To try it in the bash you are in: source <(fapilog-tamper completion bash).',
      ],
      words: shells,
      flags: {},
      takesConfig: false,
    },
    async ({ positionals: [shell = '', ...more] }, io) => {
      const script = scripts.get(shell);
      if (script === undefined || more.length > 0) {
        throw new TamperError('USAGE', `name one shell: ${shells.join(', ')}`, {
          hint: 'For example: source <(fapilog-tamper completion bash)',
        });
      }
      await print(io.stdout, script(await completed(table)));
      return exitCode.done;
    },
  );
}
