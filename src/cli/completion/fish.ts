import type { Completed, CompletedFlag, Value } from './completed.ts';

/** The script for fish: a file of its `completions` folder. */
export function fishScript({ commands, options }: Completed): string {
  const two = commands.flatMap(({ name }) => (name.includes(' ') ? [name] : []));
  const groups = [...new Set(two.map((name) => name.split(' ', 1).join()))];
  const withOptions = commands.filter(({ takesConfig }) => takesConfig);
  const lines = [
    ...commands.flatMap(({ name, summary }) => {
      const [first = '', second] = name.split(' ');
      return second === undefined
        ? [offer("''", `-a ${first} -d ${quoted(summary)}`), offer('help', `-a ${first} -d ${quoted(summary)}`)]
        : [
            offer(first, `-n '__fapilog_tamper_first' -a ${second} -d ${quoted(summary)}`),
            offer(quoted(`help ${first}`), `-a ${second} -d ${quoted(summary)}`),
          ];
    }),
    ...groups
      .filter((group) => !commands.some(({ name }) => name === group))
      .flatMap((group) => [offer("''", `-a ${group}`), offer('help', `-a ${group}`)]),
    offer("''", "-a help -d 'show the help of a command'"),
    offer("''", "-l help -d 'show all commands'"),
    offer("''", "-l version -d 'show the version'"),
    ...commands.flatMap(({ name, flags, argument }) => [
      ...flags.map((flag) => offer(quoted(name), flagText(flag))),
      ...(argument === undefined || argument === 'unknown' ? [] : [offer(quoted(name), taken(argument))]),
    ]),
    ...options.map((flag) => {
      const names = withOptions.filter(({ flags }) => !flags.some(({ name }) => name === flag.name));
      return offer(names.map(({ name }) => quoted(name)).join(' '), flagText(flag));
    }),
  ];
  return `# fish completion for fapilog-tamper, printed by: fapilog-tamper completion fish
function __fapilog_tamper_in
    set -l words (commandline -opc)
    set -e words[1]
    set -l before
    if test "$words[1]" = help
        set before help
        set -e words[1]
    end
    set -l command $words[1]
    if contains -- "$words[1] $words[2]" ${two.map(quoted).join(' ')}
        set command $words[1..2]
    end
    set command $before $command
    contains -- "$command" $argv
end
function __fapilog_tamper_first
    test (count (commandline -opc)) -eq 2
end
complete -c fapilog-tamper -f
${lines.join('\n')}
`;
}

const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

/** A line that holds for some commands; `''` is before the first word. */
function offer(names: string, what: string): string {
  return `complete -c fapilog-tamper -n ${quoted(`__fapilog_tamper_in ${names}`)} ${what}`;
}

function taken(value: Value): string {
  if (value === 'file') return '-F';
  if (value === 'folder') return "-a '(__fish_complete_directories)'";
  return value === 'unknown' ? '' : `-a ${quoted(value.join(' '))}`;
}

function flagText({ name, says, value }: CompletedFlag): string {
  const needs = value === undefined ? '' : value === 'file' ? ' -r' : ' -x';
  return `-l ${name} -d ${quoted(says)}${needs}${value === undefined ? '' : ` ${taken(value)}`}`.trimEnd();
}
