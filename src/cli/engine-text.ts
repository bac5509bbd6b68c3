import { engineInUse } from '../internal.ts';
import { printable } from './output.ts';

/**
 * Which engine seals and checks here, and why, as one line.
 *
 * @throws CONFIG_INVALID, DEPENDENCY_MISSING
 */
export async function engineText(): Promise<string> {
  const { name, about } = await engineInUse();
  return `engine: ${name} (${printable(about)})`;
}
