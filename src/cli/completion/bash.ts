import type { Completed, CompletedFlag, Value } from './completed.ts';

/** The script for bash, 3.2 as on macOS too: `compopt` is newer, and only makes it offer less. */
export function bashScript({ commands, options }: Completed): string {
  const names = commands.map(({ name }) => name);
  const first = [...new Set(names.map((name) => name.split(' ', 1).join()))];
  return `# bash completion for fapilog-tamper, printed by: fapilog-tamper completion bash
_fapilog_tamper() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} at=1 command words='' flags='' flag='' value='' argument=''
  local options='${options.map(dashed).join(' ')}'
  COMPREPLY=()
  if [[ \${COMP_WORDS[1]} == help && $COMP_CWORD -gt 1 ]]; then at=2; fi
  if [[ $COMP_CWORD -eq $at ]]; then
    _fapilog_tamper_words "$current" '${first.join(' ')} help --help --version'
    return
  fi
  command=\${COMP_WORDS[at]}
  case $command in
${belowLines(names).join('\n')}
  esac
  if [[ $COMP_CWORD -gt $((at + 1)) && " $words " == *" \${COMP_WORDS[at + 1]} "* ]]; then
    command="$command \${COMP_WORDS[at + 1]}"
    words=''
  elif [[ $COMP_CWORD -gt $((at + 1)) ]]; then
    words=''
  fi
  if [[ $at -eq 2 ]]; then
    _fapilog_tamper_words "$current" "$words"
    return
  fi
  case $command in
${commands.map((one) => commandLine(one)).join('\n')}
  esac
  # readline takes --flag=value apart
  if [[ $current == '=' ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 1]} current=''
  elif [[ \${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  else
    flag=\${COMP_WORDS[COMP_CWORD - 1]}
  fi
  case "$command $flag" in
${valueLines({ commands, options }).join('\n')}
  esac
  if [[ -z $value ]]; then
    if [[ $current == -* || ( -z $argument && -z $words ) ]]; then value=$flags; else value=$argument; fi
    if [[ $current != -* && -n $words ]]; then
      COMPREPLY=($(compgen -W "$words" -- "$current"))
      if [[ \${#COMPREPLY[@]} -gt 0 && -n $current ]]; then return; fi
    fi
  fi
  case $value in
    file) return ;; # readline completes it
    folder) compopt -o dirnames +o default 2>/dev/null ;;
    unknown) compopt +o default 2>/dev/null ;;
    *) _fapilog_tamper_words "$current" "$value" "$words" ;;
  esac
}
_fapilog_tamper_words() {
  compopt +o default 2>/dev/null
  COMPREPLY=($(compgen -W "$2 $3" -- "$1"))
}
complete -o default -F _fapilog_tamper fapilog-tamper
`;
}

const dashed = ({ name }: CompletedFlag): string => `--${name}`;

function belowLines(names: readonly string[]): string[] {
  const pairs = names.map((name) => name.split(' ')).filter(([, second]) => second !== undefined);
  const groups = [...new Set(pairs.map(([first]) => first))];
  return groups.map((group) => {
    const below = pairs.flatMap(([first, second = '']) => (first === group ? [second] : []));
    return `    ${group}) words='${below.join(' ')}' ;;`;
  });
}

function commandLine({ name, flags, takesConfig, argument }: Completed['commands'][number]): string {
  const all = `flags='${flags.map(dashed).join(' ')}'${takesConfig ? '" $options"' : ''}`;
  return `    '${name}') ${all}${argument === undefined ? '' : ` argument='${textOf(argument)}'`} ;;`;
}

const textOf = (value: Value): string => (typeof value === 'string' ? value : value.join(' '));

/** Flags with the same kind of value share a line; those of a command come before the options of the same name. */
function valueLines({ commands, options }: Completed): string[] {
  const lines = (flags: readonly (readonly [pattern: string, value: Value])[]): string[] => {
    const byValue = new Map<string, string[]>();
    for (const [pattern, value] of flags) {
      byValue.set(textOf(value), [...(byValue.get(textOf(value)) ?? []), pattern]);
    }
    return [...byValue].map(([value, patterns]) => `    ${patterns.join(' | ')}) value='${value}' ;;`);
  };
  const own = commands.flatMap(({ name, flags }) =>
    flags.flatMap(({ name: flag, value }) => (value === undefined ? [] : [[`'${name} --${flag}'`, value] as const])),
  );
  const general = options.flatMap(({ name, value }) =>
    value === undefined ? [] : [[`*' --${name}'`, value] as const],
  );
  return [...lines(own), ...lines(general)];
}
