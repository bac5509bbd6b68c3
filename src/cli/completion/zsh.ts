import type { Completed, CompletedCommand, CompletedFlag, Value } from './completed.ts';

/** The script for zsh: a file of `fpath` called `_fapilog-tamper`, or sourced after `compinit`. */
export function zshScript({ commands, options }: Completed): string {
  const two = commands.map(({ name }) => name).filter((name) => name.includes(' '));
  const groups = [...new Set(two.map((name) => name.split(' ', 1).join()))];
  return `#compdef fapilog-tamper
# zsh completion for fapilog-tamper, printed by: fapilog-tamper completion zsh
_fapilog-tamper() {
  local command argument
  local -a names below flags options
  names=(
${commands.flatMap((one) => (one.name.includes(' ') ? [] : [`    ${row(one.name, one.summary)}`])).join('\n')}
${groups.flatMap((group) => (commands.some(({ name }) => name === group) ? [] : [`    ${row(group, summaryOf(group, two))}`])).join('\n')}
    'help:show the help of a command'
  )
  options=(
${options.map((flag) => `    ${flagSpec(flag)}`).join('\n')}
  )
  if (( CURRENT > 2 )) && [[ $words[2] == help ]]; then
    shift words
    (( CURRENT -= 1 ))
    argument=help
  fi
  if (( CURRENT == 2 )); then
    [[ $argument == help ]] || names+=('--help:show all commands' '--version:show the version')
    _describe -t commands command names
    return
  fi
  command=$words[2]
  case $command in
${groups.map((group) => `    ${group}) below=(${commands.flatMap(({ name, summary }) => (name.startsWith(`${group} `) ? [row(name.slice(group.length + 1), summary)] : [])).join(' ')}) ;;`).join('\n')}
  esac
  if (( CURRENT == 3 && $#below )) && [[ $words[3] != -* ]]; then
    _describe -t commands command below
    [[ $argument != help ]] && (( $+names[(r)$command:*] )) || return
  fi
  [[ $argument == help ]] && return
  shift words
  (( CURRENT -= 1 ))
  case "$words[1] $words[2]" in
    ${two.map((name) => `'${name}'`).join(' | ')})
      if (( CURRENT > 2 )); then
        command="$words[1] $words[2]"
        shift words
        (( CURRENT -= 1 ))
      fi
      ;;
  esac
  case $command in
${commands.map(commandLines).join('\n')}
    *) return 1 ;;
  esac
  _arguments $flags
}
if [[ $funcstack[1] == _fapilog-tamper ]]; then
  _fapilog-tamper "$@"
else
  compdef _fapilog-tamper fapilog-tamper
fi
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const row = (name: string, says: string): string => quoted(`${name}:${says}`);

function summaryOf(group: string, names: readonly string[]): string {
  return names.flatMap((name) => (name.startsWith(`${group} `) ? [name] : [])).join(', ');
}

function action(value: Value): string {
  if (value === 'file') return '_files';
  if (value === 'folder') return '_files -/';
  return value === 'unknown' ? ' ' : `(${value.join(' ').replaceAll(':', '\\:')})`;
}

function flagSpec({ name, says, value, many }: CompletedFlag): string {
  const description = says.replaceAll(/[\\[\]]/g, '\\$&');
  const taken = value === undefined ? '' : `:${name}:${action(value)}`;
  return quoted(`${many ? '*' : ''}--${name}${value === undefined ? '' : '='}[${description}]${taken}`);
}

function commandLines({ name, flags, takesConfig, argument }: CompletedCommand): string {
  const own = new Set(flags.map((flag) => flag.name));
  const specs = [...flags.map(flagSpec), ...(argument === undefined ? [] : [quoted(`*:argument:${action(argument)}`)])];
  // an option that is a flag of the command's own is left out: the last specification of a flag would count
  const rest = takesConfig ? ` \${options:#(\\*|)--(${[...own].join('|')})(=|)\\[*}` : '';
  return `    ${quoted(name)}) flags=(${specs.join(' ')}${rest}) ;;`;
}
