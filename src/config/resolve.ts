import { TamperError } from '../errors.ts';
import { ENGINE_VARIABLE, engineChoice } from '../foundation/engine-choice.ts';
import { type ResolvedConfig, withDefaults } from './defaults.ts';
import { fileName, flagName, isOurVariable, optionNamed, variableName } from './names.ts';
import { checkRules } from './rules.ts';
import { type OptionName, optionNames } from './schema.ts';
import { type ConfigFile, checkSetting, type Environment, fromText, type Setting, unknownOption } from './setting.ts';
import { isLocal, keySources, type TamperConfig } from './tamper-config.ts';

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
  /** Those of the warnings that are about credentials others may read, whatever the configuration is used for. */
  readonly exposed: readonly string[];
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
  const [literal, traced] = [literalCredentials(settings), debugging(config, sources.env ?? {})];
  const warnings = [...literal, ...withoutEffect(settings, config), ...traced];
  return { config, places, warnings, exposed: [...literal, ...traced] };
}

function flagPlace(spelling: string): string {
  return `flag --${flagName(spelling as OptionName)}`;
}

/**
 * Reads a YAML or JSON file of options. The YAML parser is loaded only here: it takes longer than all else at start.
 *
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, CONFIG_UNKNOWN_OPTION; the message names file, line and option
 */
export async function loadConfigFile(path: string): Promise<ConfigFile> {
  const { readConfigFile } = await import('./file.ts');
  return readConfigFile(path);
}

/**
 * The options that a program sets. A member whose value is undefined is not set.
 *
 * @throws CONFIG_UNKNOWN_OPTION, CONFIG_INVALID
 */
function settingsOfCode(options: unknown, placeOf: (spelling: string) => string = () => 'code'): Setting[] {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TamperError('CONFIG_INVALID', 'the options must be an object', {
      hint: "For example { file: 'audit.jsonl', keySource: 'env' }",
    });
  }
  const settings: Setting[] = [];
  for (const [spelling, value] of Object.entries(options)) {
    const name = optionNamed(spelling, (one) => one);
    const place = placeOf(spelling);
    if (name === undefined) throw unknownOption(spelling, place, (one) => one);
    if (value === undefined) continue;
    const setting = { name, value: value as unknown, spelling, place };
    checkSetting(setting);
    settings.push(setting);
  }
  return settings;
}

/**
 * The options that `FAPILOG_TAMPER_*` variables set: `true`, `false`, `1` or `0`; decimal integers; lists separated by
 * commas. Variables in our name space that name no option are held against `keyVariables` by the caller.
 *
 * @throws CONFIG_INVALID
 */
function settingsOfEnvironment(env: Environment): { settings: Setting[]; others: string[] } {
  const settings: Setting[] = [];
  const others: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!isOurVariable(variable) || text === undefined || isServiceVariable(variable, env)) continue;
    const name = optionNamed(variable, variableName);
    if (name === undefined) {
      others.push(variable);
      continue;
    }
    const place = `environment variable ${variable}`;
    const setting = { name, value: fromText(name, text), spelling: fileName(name), place };
    checkSetting(setting);
    settings.push(setting);
  }
  return { settings, others };
}

/**
 * Kubernetes gives every pod variables for each Service of its namespace. A Service named `fapilog-tamper`, or
 * `fapilog-tamper-NAME`, brings some into our name space; they are no options.
 */
function isServiceVariable(variable: string, env: Environment): boolean {
  const service =
    /^(FAPILOG_TAMPER(?:_[A-Z0-9_]+?)??)_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/.exec(
      variable,
    )?.[1];
  return service !== undefined && env[`${service}_SERVICE_HOST`] !== undefined;
}

/** @throws CONFIG_UNKNOWN_OPTION if a variable in our name space is neither an option nor holds a key. */
function refuseUnknownVariables(others: readonly string[], holdKeys: readonly string[]): void {
  for (const variable of others) {
    if (!holdKeys.includes(variable)) throw unknownOption(variable, 'environment', variableName);
  }
}

function literalCredentials(settings: ReadonlyMap<OptionName, Setting>): string[] {
  const setting = settings.get('vaultToken');
  if (setting === undefined) return [];
  const { spelling, place } = setting;
  return [`${spelling} (${place}) is a literal credential: use VAULT_TOKEN, vault_token_file or another auth method`];
}

/** Options that one key service alone looks at, by how they begin. */
const SERVICE_OPTIONS = [
  [/^aws[A-Z]/, 'aws-kms'],
  [/^gcp[A-Z]/, 'gcp-kms'],
  [/^azure[A-Z]/, 'azure-keyvault'],
  [/^vault[A-Z]/, 'vault'],
] as const;

/** An auditor's configuration may name services for his policy, so this is no error. */
function withoutEffect(settings: ReadonlyMap<OptionName, Setting>, config: ResolvedConfig): string[] {
  const sources = keySources(config);
  return [...settings.values()].flatMap(({ name, place }) => {
    const owner = SERVICE_OPTIONS.find(([pattern]) => pattern.test(name))?.[1];
    if (owner === undefined || sources.includes(owner)) return [];
    return [
      `${fileName(name)} (${place}) has no effect on the keys of this configuration: none of them comes from ${owner}`,
    ];
  });
}

/** Sections of NODE_DEBUG that print what is sent, headers with tokens included. */
const TALKATIVE_SECTIONS = ['http', 'https', 'http2', 'tls', 'net', 'fetch', 'undici'];

function debugging(config: ResolvedConfig, env: Environment): string[] {
  const { NODE_DEBUG: text } = env;
  if (text === undefined || keySources(config).every(isLocal)) return [];
  const sections = text.split(/[\s,]+/).filter((section) => section !== '');
  const found = sections.filter((section) =>
    TALKATIVE_SECTIONS.some((one) => matchesSection(section.toLowerCase(), one)),
  );
  if (found.length === 0) return [];
  return [
    `NODE_DEBUG contains ${found.join(', ')}: Node prints requests to the key service, including their tokens, to standard error`,
  ];
}

/** As Node reads it: `*` stands for anything. */
function matchesSection(pattern: string, section: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`).test(section);
}
