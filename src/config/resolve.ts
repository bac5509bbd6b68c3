import { TamperError } from '../errors.ts';
import { ENGINE_VARIABLE, engineChoice } from '../foundation/engine-choice.ts';
import { settingsOfCode } from './code.ts';
import { type ResolvedConfig, withDefaults } from './defaults.ts';
import { type Environment, refuseUnknownVariables, settingsOfEnvironment } from './environment.ts';
import { fileName, flagName } from './names.ts';
import { checkRules } from './rules.ts';
import { type OptionName, optionNames } from './schema.ts';
import type { ConfigFile, Setting } from './setting.ts';
import type { TamperConfig } from './tamper-config.ts';
import { warningsOf } from './warnings.ts';

/** The file of options that the commands read. */
const FILE_VARIABLE = 'FAPILOG_TAMPER_CONFIG';

/** Where keys usually are: set although this configuration takes them from elsewhere, they are no misspelt options. */
function usualKeyVariables(): string[] {
  const { keyEnvVar, signingKeyEnvVar, postQuantumKeyEnvVar } = withDefaults({});
  return [keyEnvVar, signingKeyEnvVar, postQuantumKeyEnvVar];
}

/** The places that a configuration may come from, strongest first. */
export interface ConfigSources {
  /** Options that the program gives. */
  readonly code?: TamperConfig;
  /** Options from a command line, in the spelling of code. No other source may set the same option more strongly. */
  readonly flags?: TamperConfig;
  /** Variables; `process.env` is never read here. */
  readonly env?: Environment;
  /** A YAML or JSON file, read by `readConfigFile`. */
  readonly file?: ConfigFile;
  /** Variables besides `key_env_var` and `signing_key_env_var` that hold keys and so are no misspelt options. */
  readonly keyVariables?: readonly string[];
}

/** A configuration and where each of its options came from. */
export interface Resolution {
  readonly config: ResolvedConfig;
  /** For each option that has a value: `code`, `flag --NAME`, `environment variable NAME`, `file PATH:LINE`, `default`. */
  readonly places: ReadonlyMap<OptionName, string>;
  /** What works but should not stay so, as sentences. */
  readonly warnings: readonly string[];
}

/**
 * Puts a configuration together: code or flags, then environment, then file, then default.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, INSECURE_ENDPOINT; the message names option and place
 */
export function resolveConfig(sources: ConfigSources = {}): Resolution {
  if (sources.code !== undefined && sources.env?.[FILE_VARIABLE] !== undefined) {
    throw new TamperError('CONFIG_INVALID', `${FILE_VARIABLE} names a file of options, but only the commands read it`, {
      hint: `Give the options in code or in FAPILOG_TAMPER_* variables, and unset ${FILE_VARIABLE} for this process.`,
    });
  }
  const environment = settingsOfEnvironment(sources.env ?? {});
  const settings = new Map<OptionName, Setting>();
  const weakestFirst = [
    sources.file?.settings ?? [],
    environment.settings,
    sources.code === undefined ? [] : settingsOfCode(sources.code),
    sources.flags === undefined ? [] : settingsOfCode(sources.flags, flagPlace),
  ];
  for (const setting of weakestFirst.flat()) settings.set(setting.name, setting);
  const set: TamperConfig = Object.fromEntries([...settings].map(([name, { value }]) => [name, value]));
  const config = withDefaults(set);
  engineChoice(sources.env ?? {}); // a wrong one is said with the other options
  refuseUnknownVariables(environment.others, [
    ...usualKeyVariables(),
    config.keyEnvVar,
    config.signingKeyEnvVar,
    config.postQuantumKeyEnvVar,
    FILE_VARIABLE,
    ENGINE_VARIABLE,
    ...(sources.keyVariables ?? []),
  ]);
  const places = new Map<OptionName, string>();
  for (const name of optionNames) {
    if (config[name] !== undefined) places.set(name, settings.get(name)?.place ?? 'default');
  }
  checkRules({
    config,
    at: (name) => `${settings.get(name)?.spelling ?? fileName(name)} (${places.get(name) ?? 'not set'})`,
  });
  return { config, places, warnings: warningsOf(settings, config, sources.env ?? {}) };
}

function flagPlace(spelling: string): string {
  return `flag --${flagName(spelling as OptionName)}`;
}
