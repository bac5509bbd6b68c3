import type { Resolution } from '../internal.ts';
import { resolveCall } from './command.ts';
import { printable, tell } from './output.ts';

/** {@link resolveCall} for a command that reports no warnings itself: what is wrong with credentials goes to standard error. */
export async function resolveWarning(...given: Parameters<typeof resolveCall>): Promise<Resolution> {
  const resolution = await resolveCall(...given);
  const [, io] = given;
  for (const text of resolution.exposed) await tell(io.stderr, `fapilog-tamper: warning: ${printable(text)}\n`);
  return resolution;
}
