import { runHere } from '../support/command-line.ts';

/** A command as its help shows it. */
export interface HelpedCommand {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly examples: readonly string[];
  /** Its own flags, with what stands for a value behind them: `--format text|json`. */
  readonly flags: readonly string[];
  /** What is said of each of them, and all other paragraphs. */
  readonly says: readonly string[];
  readonly takesConfig: boolean;
}

/** All commands, in the order of the help. */
export async function helpedCommands(): Promise<HelpedCommand[]> {
  const rows = [...(await runHere(['help'])).stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}(.*)$/gm)];
  return Promise.all(rows.map(([, name = '', summary = '']) => helped(name, summary)));
}

async function helped(name: string, summary: string): Promise<HelpedCommand> {
  const { stdout } = await runHere(['help', ...name.split(' ')]);
  const [usage = '', ...parts] = stdout.trimEnd().split('\n\n');
  const examples = parts.find((part) => /^Examples?:\n/.test(part)) ?? '';
  const takesConfig = parts.at(-1)?.startsWith('Every configuration option is also a flag') === true;
  const rows = parts
    .filter((part) => part !== examples && /^ {2}\S/m.test(part))
    .flatMap((part) => part.split(/\n(?= {2}\S)/))
    .flatMap((row) => {
      const [, left = '', says = ''] = /^ {2}(\S.*?) {2,}(\S.*)$/s.exec(row) ?? [];
      return left === '' ? [] : [{ left, says: joined(says) }];
    });
  const about = parts.filter((part) => part !== examples && !/^ {2}\S/m.test(part));
  return {
    name,
    summary,
    usage: usage.replace(`usage: fapilog-tamper ${name} `, ''),
    examples: examples
      .split('\n')
      .slice(1)
      .map((line) => line.trim()),
    flags: rows.flatMap(({ left }) => (left.startsWith('--') ? [left] : [])),
    says: [...rows.map(({ says }) => says), ...about.slice(0, takesConfig ? -1 : undefined).map(joined)],
    takesConfig,
  };
}

const joined = (text: string): string => text.replaceAll(/\s+/g, ' ');
