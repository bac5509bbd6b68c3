import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { openRegular } from '../foundation/regular-file.ts';
import type { KeyProvider } from '../keys/provider.ts';

/** What a module named by `key_provider_module` exports. */
export interface KeyProviderModule {
  /** Makes the provider; called once for each sealer or verifier, which closes it. */
  createProvider(config: ResolvedConfig): KeyProvider | Promise<KeyProvider>;
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
 * Loads a provider of the user's own: a path (relative to the working directory) or a package name.
 *
 * @throws CONFIG_INVALID if no module is named, or what it makes is no provider; DEPENDENCY_MISSING if it cannot be loaded
 */
export async function createCustomProvider(config: ResolvedConfig): Promise<KeyProvider> {
  const name = config.keyProviderModule;
  if (name === undefined) {
    throw new TamperError('CONFIG_INVALID', 'the key source is custom, but no module is named', {
      hint: 'Set key_provider_module to a path or package that exports createProvider(config)',
    });
  }
  const { createProvider } = await load(name);
  if (!isFactory(createProvider)) throw notAProvider(name, 'does not export a function createProvider');
  const provider = await createProvider(config);
  assertProvider(provider, name);
  return provider;
}

function isFactory(value: unknown): value is (config: ResolvedConfig) => unknown {
  return typeof value === 'function';
}

/** @throws CONFIG_INVALID, naming the first member that is missing */
function assertProvider(provider: unknown, name: string): asserts provider is KeyProvider {
  if (typeof provider !== 'object' || provider === null) throw notAProvider(name, 'did not return an object');
  const members = provider as Readonly<Record<string, unknown>>;
  if (typeof members['source'] !== 'string' || members['source'] === '') throw notAProvider(name, 'has no source');
  const missing = methods.find((method) => typeof members[method] !== 'function');
  if (missing !== undefined) throw notAProvider(name, `has no method ${missing}`);
}

async function load(name: string): Promise<{ readonly createProvider?: unknown }> {
  const isPath = name.startsWith('.') || isAbsolute(name);
  try {
    if (isPath) await checkModule(resolve(name));
    return (await import(isPath ? pathToFileURL(resolve(name)).href : name)) as { readonly createProvider?: unknown };
  } catch (cause) {
    throw new TamperError('DEPENDENCY_MISSING', `the key provider module ${name} cannot be loaded`, {
      cause,
      hint: isPath
        ? 'check key_provider_module: a path is relative to the working directory'
        : `Install it with: npm install ${name}`,
    });
  }
}

/** The import of a pipe never ends, and that of a file of zeros takes all memory. */
async function checkModule(path: string): Promise<void> {
  const file = await openRegular(path);
  try {
    if ((await file.stat()).size > MODULE_LIMIT) throw new Error(`it is longer than ${MODULE_LIMIT} bytes`);
  } finally {
    await file.close();
  }
}

function notAProvider(name: string, problem: string): TamperError {
  return new TamperError('CONFIG_INVALID', `the key provider ${name} ${problem}`, {
    hint: 'A provider implements the interface KeyProvider; throw UNSUPPORTED_OPERATION from methods that it cannot support',
  });
}
