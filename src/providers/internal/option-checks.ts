import { TamperError } from '../../errors.ts';

/**
 * Checks limits that no configuration schema has checked.
 *
 * @param service - for the message: `AWS KMS`
 * @throws {TamperError} `CONFIG_INVALID`: one is set, and not a whole number of at least 1
 */
export function assertWholeNumbers<Name extends string>(
  service: string,
  options: { readonly [name in Name]?: number | undefined },
  names: readonly Name[],
): void {
  for (const name of names) {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new TamperError(
      'CONFIG_INVALID',
      `${service}: option ${name} must be a whole number of at least 1, not ${value}`,
    );
  }
}

/**
 * Refuses options that shape our own client, beside a client that was passed in.
 *
 * @throws {TamperError} `CONFIG_INVALID`
 */
export function assertOwnClient<Name extends string>(
  service: string,
  options: { readonly [name in Name]?: unknown } & { readonly client?: unknown },
  names: readonly Name[],
): void {
  const both = options.client === undefined ? undefined : names.find((name) => options[name] !== undefined);
  if (both === undefined) return;
  throw new TamperError('CONFIG_INVALID', `${service}: option ${both} has no effect on a client that you pass in`, {
    hint: `Leave out ${both}, or set it on the client.`,
  });
}
