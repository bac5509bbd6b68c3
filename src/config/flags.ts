import { parseArgs } from 'node:util';
import { TamperError } from '../errors.ts';
import { causeAbout, shown } from '../foundation/key-like.ts';
import { flagName, nearest } from './names.ts';
import { isSecretOption, kindOf, type OptionName, optionNames, secretOptions } from './schema.ts';
import { fromText } from './setting.ts';
import type { TamperConfig } from './tamper-config.ts';

/** A flag of a command's own. */
export interface FlagSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
}

/** A command line, taken apart. */
export interface Flags {
  /** The command's own flags that were given. */
  readonly own: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  /** The options of the configuration that were given. */
  readonly config: TamperConfig;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line: the command's own flags and, if `withOptions`, one flag for each option of the configuration
 * (`--key-id audit`, `--fsync-on-write`, `--no-fsync-on-rotate`).
 *
 * @throws USAGE; the hint names the nearest flag where one is unknown
 */
export function readFlags(
  argv: readonly string[],
  own: Readonly<Record<string, FlagSpec>>,
  withOptions: boolean,
): Flags {
  const byFlag = new Map<string, OptionName>();
  if (withOptions) for (const name of optionNames) if (!isSecretOption(name)) byFlag.set(flagName(name), name);
  const types: Record<string, FlagSpec> = { ...own };
  for (const [flag, name] of byFlag) types[flag] ??= { type: kindOf(name) === 'boolean' ? 'boolean' : 'string' };
  const { values, positionals } = parse(argv, types);
  const config = Object.create(null) as Record<string, unknown>;
  for (const [flag, name] of byFlag) {
    const value = values[flag];
    if (flag in own || value === undefined) continue;
    config[name] = typeof value === 'string' ? fromText(name, value) : value;
  }
  const given = Object.entries(values).filter(([flag]) => flag in own);
  return { own: Object.fromEntries(given), config: { ...config }, positionals };
}

function parse(
  argv: readonly string[],
  types: Readonly<Record<string, FlagSpec>>,
): Omit<Flags, 'config' | 'own'> & { values: Flags['own'] } {
  try {
    const options = {
      options: types,
      allowPositionals: true,
      allowNegative: true,
      strict: true,
      tokens: true,
    } as const;
    const { values, positionals, tokens } = parseArgs({ args: [...argv], ...options });
    refuseRepeated(tokens, types);
    return { values, positionals };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const unknown = /^Unknown option '--?(?:no-)?([^']*)'/.exec(cause.message)?.[1];
    const ambiguous = /^Option '(?:-\w, )?(--[^' ]+)[^']*' argument is ambiguous/.exec(cause.message)?.[1];
    if (ambiguous !== undefined) {
      throw new TamperError('USAGE', `${ambiguous} takes a value, and what follows it looks like another flag`, {
        cause,
        hint: `Write a value that begins with a dash as ${ambiguous}=-VALUE.`,
      });
    }
    if (unknown === undefined)
      throw new TamperError('USAGE', shown(firstSentence(cause.message)), causeAbout(cause.message, cause));
    if (secretOptions.some((name) => flagName(name) === unknown)) {
      throw new TamperError('USAGE', `--${unknown} is refused: every user of the host can read a command line`, {
        hint:
          unknown === 'vault-token'
            ? 'Use VAULT_TOKEN or --vault-token-file'
            : 'Use the configuration file, or the variable FAPILOG_TAMPER_KEY_PROVIDER_OPTIONS',
      });
    }
    throw new TamperError('USAGE', `unknown flag --${shown(unknown)}`, {
      // seal calls the option file so
      hint: `Did you mean --${unknown === 'out' && 'file' in types ? 'file' : nearest(unknown, Object.keys(types))}? All flags: --help`,
    });
  }
}

/** Of a flag that takes one value the last would count, and an earlier demand be dropped without a word. */
function refuseRepeated(
  tokens: readonly { readonly kind: string; readonly name?: string }[],
  types: Readonly<Record<string, FlagSpec>>,
): void {
  const seen = new Set<string>();
  for (const { kind, name } of tokens) {
    const spec = name === undefined ? undefined : types[name];
    if (kind !== 'option' || name === undefined || spec?.type !== 'string' || spec.multiple === true) continue;
    if (seen.has(name)) throw new TamperError('USAGE', `--${name} was given twice`, { hint: 'Give it once.' });
    seen.add(name);
  }
}

function firstSentence(message: string): string {
  return message.split(/\.\s/)[0] ?? message;
}
