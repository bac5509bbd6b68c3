import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isThirdParty, keySources, type ResolvedConfig, type ThirdPartySource } from '../config/index.ts';
import { isError, systemCode, TamperError } from '../errors.ts';
import { causeAbout, shown } from '../foundation/key-like.ts';
import { openRegular } from '../foundation/regular-file.ts';
import { isOwnSource, splitIdentity } from '../keys/identity.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { GuardedProvider, ownError } from './internal/guarded-provider.ts';

/** A schema as the libraries valibot, zod and arktype make them (https://standardschema.dev, version 1): what a module may export as `options`. */
export interface OptionsSchema<Options = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Gives the options with their defaults, or what is wrong with them. */
    validate(value: unknown): OptionsResult<Options> | Promise<OptionsResult<Options>>;
  };
}

/** What {@link OptionsSchema} says of a value. */
export type OptionsResult<Options> =
  | { readonly value: Options; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** What a module named by `key_provider_module` exports, and a package that `key_source` names. */
export interface KeyProviderModule<Options = unknown> {
  /** Checks `key_provider_options`. Absent: there are none. */
  readonly options?: OptionsSchema<Options>;
  /** Makes the provider, and asks nobody yet. Called once for each sealer or verifier, which closes it. */
  createProvider(config: ResolvedConfig, options: Options): KeyProvider | Promise<KeyProvider>;
}

/** No module is longer, in bytes, whatever is bundled into it. */
const MODULE_LIMIT = 32 * 1024 * 1024;

const methods = [
  'getKey',
  'recoverKey',
  'getSigningKey',
  'sign',
  'signBatch',
  'verify',
  'rotateCheck',
  'close',
] as const;

/**
 * Loads the provider of a third party that a configuration names: its module by a path (relative to the working directory) or a
 * package name. What it does is held to the contract by {@link GuardedProvider}.
 *
 * @throws CONFIG_INVALID if no module is named, its options are wrong, or what it makes is no provider; DEPENDENCY_MISSING if it
 * cannot be loaded
 */
export async function createThirdPartyProvider(source: ThirdPartySource, config: ResolvedConfig): Promise<KeyProvider> {
  const name = source === 'custom' ? config.keyProviderModule : source;
  if (name === undefined) {
    throw new TamperError('CONFIG_INVALID', 'the key source is custom, but no module is named', {
      hint: 'Set key_provider_module to a path or package that exports createProvider(config, options)',
    });
  }
  const module = await load(name);
  if (typeof module.createProvider !== 'function')
    throw notAProvider(name, 'does not export a function createProvider');
  const own = ownOptions(source, config);
  try {
    const provider: unknown = await module.createProvider(config, await checkedOptions(name, module.options, own));
    assertProvider(provider, name);
    const called = source === 'custom' ? provider.source : source.replace('fapilog-tamper-keys-', '');
    if (provider.source !== called) throw notAProvider(name, `has the source ${provider.source} instead of ${called}`);
    return new GuardedProvider(provider, name);
  } catch (error) {
    throw ownError(error, `the key provider ${name}`);
  }
}

/** The options of one provider: all, or what stands under its name where keys come from two. */
function ownOptions(source: ThirdPartySource, config: ResolvedConfig): unknown {
  const { keyProviderOptions: given = {} } = config;
  const parties: readonly string[] = keySources(config).filter(isThirdParty);
  if (parties.length < 2) return given;
  if (Object.keys(given).every((name) => parties.includes(name))) return given[source] ?? {};
  throw new TamperError('CONFIG_INVALID', 'key_provider_options does not say which provider its options are for', {
    hint: `Put the options of each provider under its name: ${parties.join(', ')}`,
  });
}

async function checkedOptions(name: string, schema: OptionsSchema | undefined, given: unknown): Promise<unknown> {
  const result = await schema?.['~standard'].validate(given);
  if (result !== undefined && result.issues === undefined) return result.value;
  if (result === undefined && Object.keys(given as object).length === 0) return {};
  const [issue] = result?.issues ?? [];
  const path = (issue?.path ?? []).map((part) =>
    String(typeof part === 'object' && part ? Reflect.get(part, 'key') : part),
  );
  const problem =
    issue === undefined ? 'it takes no options' : withoutValues([...path, saidBy(issue.message)].join(': '), given);
  throw new TamperError('CONFIG_INVALID', `key_provider_options of the key provider ${name}: ${problem}`, {
    hint: 'The documentation of the provider lists its options',
  });
}

/** Valibot says of a name that is none of an object's: `Invalid key: Expected never but received "NAME"`. */
function saidBy(message: string): string {
  return message.startsWith('Invalid key: Expected never') ? 'there is no such option' : message;
}

/** Schemas quote what they refuse, and any option may be a secret. */
function withoutValues(text: string, given: unknown): string {
  return valuesIn(given)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .sort((one, other) => other.length - one.length)
    .reduce((shorter, value) => shorter.replaceAll(value, '…'), text);
}

function valuesIn(given: unknown): string[] {
  if (typeof given === 'object' && given !== null) return Object.values(given).flatMap(valuesIn);
  if (typeof given === 'number') return [String(given)];
  return typeof given === 'string' && given !== '' ? [given] : [];
}

/** @throws CONFIG_INVALID, naming the first member that is missing */
function assertProvider(provider: unknown, name: string): asserts provider is KeyProvider {
  if (typeof provider !== 'object' || provider === null) throw notAProvider(name, 'did not return an object');
  const { source, versionSeparator } = provider as Partial<KeyProvider>;
  if (typeof source !== 'string' || source === '') throw notAProvider(name, 'has no source');
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(source))
    throw notAProvider(name, 'has a source that is not 1 to 64 of a-z, 0-9 and -');
  if (isOwnSource(source)) throw notAProvider(name, `has the source ${source}, which is one of this package`);
  if (versionSeparator !== undefined && typeof versionSeparator !== 'string')
    throw notAProvider(name, 'has a versionSeparator that is no text');
  splitIdentity({ source, versionSeparator }, '');
  const missing = methods.find((method) => typeof (provider as Partial<KeyProvider>)[method] !== 'function');
  if (missing !== undefined) throw notAProvider(name, `has no method ${missing}`);
}

async function load(name: string): Promise<Partial<KeyProviderModule>> {
  const isPath = name.startsWith('.') || isAbsolute(name);
  try {
    if (isPath) await checkModule(resolve(name));
    return (await import(isPath ? pathToFileURL(resolve(name)).href : name)) as Partial<KeyProviderModule>;
  } catch (cause) {
    const reason = whyNotLoaded(name, cause);
    throw new TamperError('DEPENDENCY_MISSING', `the key provider module ${shown(name)} cannot be loaded: ${reason}`, {
      ...causeAbout(name, cause),
      hint: isPath
        ? 'Check key_provider_module: a path is relative to the working directory'
        : `Install it with: npm install ${shown(name)}`,
    });
  }
}

/** What a module says when it ends may quote a secret, and so may what a file holds that is no module. */
function whyNotLoaded(name: string, cause: unknown): string {
  const code = systemCode(cause);
  if (code === 'ERR_MODULE_NOT_FOUND') {
    const missing = /^Cannot find (?:package|module) '([^']+)'/.exec((cause as Error).message)?.[1];
    if (missing !== undefined && missing !== name) return `it needs ${shown(missing)}, which is not installed`;
    return 'it is not installed';
  }
  if (cause instanceof TooLong) return cause.message;
  if (code !== '') return code;
  return `it ends with a ${isError(cause) ? cause.name : typeof cause}`;
}

class TooLong extends Error {}

/** The import of a pipe never ends, and that of a file of zeros takes all memory. */
async function checkModule(path: string): Promise<void> {
  const file = await openRegular(path);
  try {
    if ((await file.stat()).size > MODULE_LIMIT) throw new TooLong(`it is longer than ${MODULE_LIMIT} bytes`);
  } finally {
    await file.close();
  }
}

function notAProvider(name: string, problem: string): TamperError {
  return new TamperError('CONFIG_INVALID', `the key provider ${name} ${problem}`, {
    hint: 'A provider implements the interface KeyProvider; throw UNSUPPORTED_OPERATION from methods that it cannot support',
  });
}
