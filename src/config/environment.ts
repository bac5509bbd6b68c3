import { fileName, isOurVariable, optionNamed, variableName } from './names.ts';
import { checkSetting, fromText, type Setting, unknownOption } from './setting.ts';

/** Variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The options that `FAPILOG_TAMPER_*` variables set: `true`, `false`, `1` or `0`; decimal integers; lists separated by
 * commas. Variables in our name space that name no option are held against `keyVariables` by the caller.
 *
 * @throws CONFIG_INVALID
 */
export function settingsOfEnvironment(env: Environment): { settings: Setting[]; others: string[] } {
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
export function refuseUnknownVariables(others: readonly string[], holdKeys: readonly string[]): void {
  for (const variable of others) {
    if (!holdKeys.includes(variable)) throw unknownOption(variable, 'environment', variableName);
  }
}
