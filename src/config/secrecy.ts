import { inspect } from 'node:util';
import type { OptionName } from './schema.ts';

/** The options that hold a credential themselves. None may stand on a command line, and each draws a warning. */
export const secretOptions: readonly OptionName[] = ['vaultToken'];

/** Whether an option holds a credential itself, which nothing may show. */
export function isSecretOption(name: string): boolean {
  return secretOptions.some((one) => one === name);
}

/** Makes an object print without its secrets in console, `inspect` and JSON; its members stay as they are. */
export function hideSecrets<T extends object>(holder: T, shown: () => object): T {
  Object.defineProperty(holder, inspect.custom, { value: shown });
  Object.defineProperty(holder, 'toJSON', { value: shown });
  return holder;
}
